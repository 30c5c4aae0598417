package reportpage

const page = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Data Spacer: report of {{clean .Cluster}}</title>
<style>
body{overflow-wrap:anywhere;font:15px/1.45 system-ui,sans-serif;color:#1c2733;max-width:72rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;border-bottom:2px solid #d5dce3;margin-top:2rem}h3{font-size:1rem}
table{border-collapse:collapse;width:100%;font-size:.85rem}th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #e3e8ed;vertical-align:top;overflow-wrap:anywhere}
th{color:#4a5a69;font-weight:600;white-space:nowrap}td.n{text-align:right;white-space:nowrap}.wide{overflow-x:auto}
.well{color:#146c2e}.bad{color:#a3161a;font-weight:600}.faint{color:#5c6b79}
svg{display:block;width:100%;background:#f5f7f9}.passed,.held{fill:#3b82a0}.refused,.open{fill:#c0392b}
details summary{cursor:pointer;color:#2b5f8a}pre{font-size:.7rem;white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f7f9;padding:.5rem;margin:.25rem 0}
@media (max-width:40rem){body{padding:.5rem}thead{display:none}td{display:block;border:0;padding:.1rem 0}td.n{text-align:left}td[data-h]::before{content:attr(data-h) ": ";color:#5c6b79}tr{display:block;border-bottom:1px solid #d5dce3;padding:.4rem 0}}
@media print{body{font-size:10pt;max-width:none}h2{break-after:avoid}tr,svg{break-inside:avoid}details{display:none}}
</style></head><body>
<h1>What guests did, and what held them: {{clean .Cluster}}</h1>
<p>{{at .From}} to {{at .To}} (UTC). Written {{at .Written}}.</p>
{{range .Missing}}<p class="bad">Missing from this page: {{clean .}}</p>{{end}}
{{with .Verified}}{{if .Healthy}}<p class="well">Verified when the page was written: every foreign pod is contained, and every log is intact.</p>{{else}}
<p class="bad">Verified when the page was written: problems were found.</p><ul>{{range .Problems}}<li class="bad">{{clean .}}</li>{{end}}</ul>{{end}}{{end}}
<p class="faint">A proof is checked offline, by anyone who has the public key of the log: save its text and run
<code>agent record check --proof FILE --key KEY</code>. A row that adds up requests has the proof of the newest of them, in the log of its guest, or else of the part of the record that has it.
The keys are at the end of the page; a checker takes them from elsewhere.</p>

<h2>Nodes</h2>
<div class="wide"><table><thead><tr><th>Node</th><th>Agent ran</th><th>Starts</th><th>Killed</th><th>When</th></tr></thead><tbody>
{{range .Nodes}}<tr><td data-h="Node">{{clean .Name}}</td><td class="n" data-h="Agent ran">{{percent .Covered}}</td><td class="n" data-h="Starts">{{.Starts}}</td><td class="n" data-h="Killed">{{.Kills}}</td>
<td><svg viewBox="0 0 600 10" height="10" preserveAspectRatio="none" role="img">{{range timeline .Spans}}<rect x="{{.X}}" y="0" width="{{.Width}}" height="10" class="{{.Class}}"><title>{{.Title}}</title></rect>{{end}}</svg></td></tr>
{{end}}</tbody></table></div>
<p class="faint">Rules stay in force while an agent does not run. When an agent that was killed ended is not known; it counts up to the next start.</p>
{{with .Verified}}{{range .Records}}<p>Log of node {{clean .Node}}: {{if .Origin}}{{clean .Origin}}, {{.Lines}} lines signed, {{if .Intact}}<span class="well">intact</span>{{else}}<span class="bad">not intact</span>{{end}},
{{.Parts}} parts of the record of requests as recorded{{range .Witnesses}}; witness {{clean .Name}} cosigned {{.Lines}} lines{{if .Refused}} <span class="bad">and refuses the log</span>{{end}}{{end}}.{{else}}none.{{end}}</p>{{end}}{{end}}

{{range .Guests}}<h2>{{if .ID}}Guest {{clean .ID}}{{else}}Of no known guest{{end}}</h2>
<p>{{total .Passed}} requests, connections and names passed; {{total .Stopped}} were refused.</p>
<svg viewBox="0 0 600 90" height="90" preserveAspectRatio="none" role="img"><title>Passed and refused over the time</title>{{range bars .}}{{if .Height}}<rect x="{{.X}}" y="{{.Y}}" width="{{.Width}}" height="{{.Height}}" class="{{.Class}}"><title>{{.Title}}</title></rect>{{end}}{{end}}</svg>
<h3>Pods</h3>
<div class="wide"><table><thead><tr><th>Pod</th><th>Node</th><th>Contained</th><th>Drift</th><th>When</th></tr></thead><tbody>
{{range .Pods}}<tr><td data-h="Pod">{{clean .Name}}</td><td data-h="Node">{{clean .Node}}</td><td class="n" data-h="Contained">{{percent .Contained}}</td><td class="n" data-h="Drift">{{.Drift}}</td>
<td><svg viewBox="0 0 600 10" height="10" preserveAspectRatio="none" role="img">{{range timeline .Spans}}<rect x="{{.X}}" y="0" width="{{.Width}}" height="10" class="{{.Class}}"><title>{{.Title}}</title></rect>{{end}}</svg></td></tr>
{{else}}<tr><td colspan="5">none</td></tr>{{end}}</tbody></table></div>
{{if .Left}}<p class="{{if .Open}}bad{{else}}faint{{end}}">{{.Left}} facts about how further pods were held are left out here; {{.Open}} of them are of a pod that was not contained.</p>{{end}}
<h3>What was asked of whom</h3>
<div class="wide"><table><thead><tr><th>Direction</th><th>Asked</th><th>Times</th><th>Refused</th><th>First</th><th>Last</th><th>Proof</th></tr></thead><tbody>
{{range .Asked}}<tr><td data-h="Direction">{{clean .Type}} {{clean .Direction}}</td><td data-h="Asked">{{clean .Method}} {{if .Body}}(with a body) {{end}}{{clean .Authority}}{{clean .Path}}</td><td class="n" data-h="Times">{{.Count}}</td><td class="n" data-h="Refused">{{.Refused}}</td>
<td data-h="First">{{at .First}}</td><td data-h="Last">{{at .Last}}</td><td data-h="Proof">{{template "proof" .Proof}}</td></tr>
{{else}}<tr><td colspan="7">nothing</td></tr>{{end}}</tbody></table></div>
{{if .More}}<p class="faint">{{.More}} more, of rows that are left out here.</p>{{end}}
<h3>Refused attempts</h3>{{template "list" .Refused}}
{{else}}<h2>Guests</h2><p>No guest did anything.</p>{{end}}

<h2>Drift</h2>{{template "list" .Drift}}
<h2>Gaps</h2>{{template "list" .Gaps}}
<h2>Changes of policies, settings and versions</h2>{{template "list" .Changes}}
{{with .Logs}}<h2>Logs and their public keys</h2>
<div class="wide"><table><thead><tr><th>Node</th><th>Log</th><th>Keys</th></tr></thead><tbody>
{{range .}}<tr><td data-h="Node">{{clean .Node}}</td><td data-h="Log">{{if .Guest}}requests of {{clean .Guest}}{{else}}of the node{{end}}: {{clean .Origin}}</td><td data-h="Keys">{{range .Keys}}<code>{{clean .}}</code> {{end}}</td></tr>
{{end}}</tbody></table></div>{{end}}
</body></html>
{{define "proof"}}{{if .Text}}<details><summary>line {{.Index}} of {{template "of" .}}</summary><pre>{{clean .Text}}</pre></details>{{else if ge .Index 0}}line {{.Index}} of {{template "of" .}}{{else}}<span class="faint">in the record of {{clean .Node}}</span>{{end}}{{end}}
{{define "of"}}{{with .Log}}the log of {{clean .}} on {{end}}{{clean .Node}}{{end}}
{{define "list"}}{{if .Events}}<div class="wide"><table><thead><tr><th>Time</th><th>Node</th><th>Of</th><th>What</th><th>Proof</th></tr></thead><tbody>
{{range .Events}}<tr><td data-h="Time">{{at .Time}}</td><td data-h="Node">{{clean .Node}}</td><td data-h="Of">{{clean .Of}}</td><td data-h="What">{{clean .What}}</td><td data-h="Proof">{{template "proof" .Proof}}</td></tr>
{{end}}</tbody></table></div>{{if gt .Total (len .Events)}}<p class="faint">{{.Total}} in all; the newest are shown.</p>{{end}}{{else}}<p>None.</p>{{end}}{{end}}
`
