package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"go.yaml.in/yaml/v3"
)

// alert is a rule of alerts.yaml.
type alert struct {
	Alert, Expr string
	For         string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Spec struct {
			Groups []struct{ Rules []alert }
		}
	}
	text, err := os.ReadFile("../../deploy/monitoring/alerts.yaml")
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Spec.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// panels returns the queries of dashboard.json by their panel.
func panels(t *testing.T) map[string]string {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	text, err := os.ReadFile("../../deploy/monitoring/dashboard.json")
	if err == nil {
		err = json.Unmarshal(text, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			all[p.Title+" "+target.RefID] = strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
		}
	}
	return all
}

// world is a Prometheus that has series.
type world struct {
	t      *testing.T
	engine *promql.Engine
	series storage.Queryable
}

// newWorld loads series in the form of promtool's unit tests, a sample a minute.
func newWorld(t *testing.T, series string) world {
	t.Helper()
	s := promqltest.LoadedStorage(t, "load 1m\n"+series)
	return world{t, promqltest.NewTestEngine(t, false, 0, 1_000_000), s}
}

// at returns what a query has at a minute.
func (w world) at(query string, minute int) promql.Vector {
	w.t.Helper()
	q, err := w.engine.NewInstantQuery(w.t.Context(), w.series, nil, query, time.Unix(0, 0).Add(time.Duration(minute)*time.Minute))
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	defer q.Close()
	v, err := q.Exec(w.t.Context()).Vector()
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return slices.Clone(v)
}

// fires reports whether an alert is firing at a minute: its query has something at each evaluation for as long as the rule waits.
func (w world) fires(a alert, minute int) bool {
	w.t.Helper()
	wait, err := model.ParseDuration(a.For)
	if err != nil {
		w.t.Fatalf("%s: for: %v", a.Alert, err)
	}
	for m := minute - int(time.Duration(wait).Minutes()); m <= minute; m++ {
		if len(w.at(a.Expr, m)) == 0 {
			return false
		}
	}
	return true
}

// of are the series of an alert: while it fires, from the thirtieth minute on, and while it does not.
type of struct{ firing, quiet string }

// situations returns the series of each alert, by its name; each of several makes it fire.
func situations() map[string][]of {
	gauge := func(name string, calm, bad int) []of {
		return []of{{fmt.Sprintf("%s %dx29 %dx30", name, calm, bad), fmt.Sprintf("%s %dx29 %d %dx29", name, calm, calm, calm)}}
	}
	counter := func(names ...string) (all []of) {
		for _, name := range names {
			all = append(all, of{name + " 0x29 1+1x30", name + " 7x60"})
		}
		return all
	}
	return map[string][]of{
		"DataSpacerPodNotContained":        gauge(`data_space_agent_endpoints{instance="a",state="Failed"}`, 0, 1),
		"DataSpacerAgentAway":              gauge(`up{job="data-space-agent",instance="a"}`, 1, 0),
		"DataSpacerNodeNotVouched":         gauge(`data_space_agent_vouched{instance="a"}`, 1, 0),
		"DataSpacerDrift":                  counter(`data_space_agent_drift_repaired_total{instance="a"}`, `data_space_agent_policy_drift_findings_total{instance="a"}`),
		"DataSpacerFoundUnenforced":        counter(`data_space_agent_found_unenforced_total{instance="a"}`),
		"DataSpacerQuarantined":            gauge(`data_space_agent_quarantined{instance="a",reason="SharedProcesses"}`, 0, 1),
		"DataSpacerFramesDropped":          counter(`data_space_agent_frames_dropped_total{instance="a",end="pod"}`),
		"DataSpacerFailures":               counter(`data_space_agent_failures_total{instance="a",reason="WriteRules"}`),
		"DataSpacerPolicyWrites":           counter(`data_space_agent_policy_write_failures_total{instance="a"}`),
		"DataSpacerAPIAway":                gauge(`data_space_agent_api_up{instance="a"}`, 1, 0),
		"DataSpacerFactsLost":              counter(`data_space_agent_facts_lost_total{instance="a"}`),
		"DataSpacerFactsNotWritten":        counter(`data_space_agent_facts_failures_total{instance="a"}`),
		"DataSpacerWitnessRefuses":         gauge(`data_space_agent_facts_witness_refused{instance="a",witness="w"}`, 0, 1),
		"DataSpacerGuestLabelsLost":        gauge(`data_space_controller_guest_labels_lost{instance="c"}`, 0, 1),
		"DataSpacerProtectedTaintViolated": gauge(`data_space_controller_protected_taint_violations{taint="t"}`, 0, 1),
	}
}

func TestEachAlertFiresWhenItShouldAndOnlyThen(t *testing.T) {
	known := situations()
	for _, a := range alerts(t) {
		series := known[a.Alert]
		if len(series) == 0 {
			t.Errorf("%s: add its series to situations", a.Alert)
			continue
		}
		delete(known, a.Alert)
		t.Run(a.Alert, func(t *testing.T) {
			for _, s := range series {
				w := newWorld(t, "  "+s.firing)
				if !w.fires(a, 58) {
					t.Errorf("it does not fire with %s", s.firing)
				}
				if w.fires(a, 28) {
					t.Errorf("it fires before, with %s", s.firing)
				}
				if newWorld(t, "  "+s.quiet).fires(a, 58) {
					t.Errorf("it fires with %s", s.quiet)
				}
			}
		})
	}
	for name := range known {
		t.Errorf("%s: no such alert", name)
	}
}

// metric finds the metrics of a query, with the labels by which it chooses and adds up.
var metric = regexp.MustCompile(`\b(data_space_\w+|up)\b(?:\{([^}]*)\})?`)

func TestEachQueryOfTheDashboardHasAnAnswerWhereItsMetricsHaveSeries(t *testing.T) {
	by := regexp.MustCompile(`by \(([^)]*)\)`)
	all := panels(t)
	if len(all) < 20 {
		t.Fatalf("%d queries", len(all))
	}
	for title, query := range all {
		labels := map[string]string{"instance": "a"}
		for _, list := range by.FindAllStringSubmatch(query, -1) {
			for label := range strings.SplitSeq(list[1], ",") {
				labels[strings.TrimSpace(label)] = "x"
			}
		}
		labels["le"] = "0.5"
		series := ""
		for _, m := range metric.FindAllStringSubmatch(query, -1) {
			chosen := m[2]
			for label, value := range labels {
				if label != "le" && !strings.Contains(chosen, label+"=") {
					chosen = strings.Trim(fmt.Sprintf("%s,%s=%q", chosen, label, value), ",")
				}
			}
			if !strings.HasSuffix(m[1], "_bucket") {
				series += fmt.Sprintf("  %s{%s} 0+3x60\n", m[1], chosen)
				continue
			}
			for _, le := range []string{"0.5", "+Inf"} {
				series += fmt.Sprintf("  %s{%s} 0+3x60\n", m[1], strings.Trim(chosen+`,le="`+le+`"`, ","))
			}
		}
		v := newWorld(t, series).at(query, 50)
		if len(v) == 0 {
			t.Errorf("%s: %s: no answer where these series are:\n%s", title, query, series)
			continue
		}
		for _, s := range v {
			if s.F != s.F {
				t.Errorf("%s: %s: the answer is not a number", title, query)
			}
		}
	}
}
