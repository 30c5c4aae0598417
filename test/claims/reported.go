package claims

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/doctor"
	"data-space.liqo.io/pkg/decisions/report"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/programs/kubectlplugin"
	"data-space.liqo.io/pkg/programs/reportpage"
)

// reported has "kubectl dataspace report" add up the last hours, and checks the proof of each row about the hospital's patients by the keys that the page
// names. Then it has "kubectl dataspace doctor" look for what leads past Data Spacer.
func (w *World) reported(ctx context.Context) (string, error) {
	observed, err := until(ctx, w.reportedOnce)
	if err != nil {
		return "", err
	}
	found, err := kubectlplugin.Examine(ctx, w.agents)
	if err != nil {
		return "", err
	}
	if !doctor.Healthy(found) {
		var text bytes.Buffer
		err := kubectlplugin.PrintFindings(&text, found, kubectlplugin.Style{Form: kubectlplugin.FormTable}, time.Now())
		return "", errors.Join(err, fmt.Errorf("doctor finds problems: %s", text.String()))
	}
	return fmt.Sprintf("%s; doctor: no problem, %d warnings", observed, len(found)), nil
}

func (w *World) reportedOnce(ctx context.Context) (string, error) {
	now := time.Now()
	page, missing, err := kubectlplugin.Report(ctx, w.agents, now.Add(-6*time.Hour), now)
	if err != nil || len(missing) > 0 {
		return "", errors.Join(err, fmt.Errorf("missing from the report: %s", strings.Join(missing, "; ")))
	}
	keys := map[[2]string][]string{}
	for _, l := range page.Logs {
		keys[[2]string{l.Node, l.Guest}] = l.Keys
	}
	rows, pods := 0, 0
	for _, g := range page.Guests {
		if g.ID != pharmaCluster {
			continue
		}
		pods = len(g.Pods)
		for _, a := range g.Asked {
			if a.Direction != "egress" || !strings.HasPrefix(a.Path, "/patients/") {
				continue
			}
			if err := provesRow(a, keys[[2]string{a.Proof.Node, a.Proof.Log}]); err != nil {
				return "", err
			}
			rows++
		}
	}
	var text bytes.Buffer
	if err := reportpage.Write(&text, reportpage.Document{Page: page, Cluster: "demo", Written: now}); err != nil {
		return "", err
	}
	if rows == 0 || pods == 0 {
		return "", fmt.Errorf("the report has %d pods of the guest and %d rows about the hospital's patients", pods, rows)
	}
	return fmt.Sprintf("a page of %d KiB: %d pods of the guest, %d rows about patients, each with the proof of its newest request in the log of the guest", text.Len()>>10, pods, rows), nil
}

// provesRow checks the proof of a row as one who has nothing but it and the log's keys.
func provesRow(a *report.Asked, keys []string) error {
	if a.Proof.Log != pharmaCluster || a.Proof.Text == "" {
		return fmt.Errorf("the row of %s has no proof in the log of the guest: line %d of %q on %s", a.Path, a.Proof.Index, a.Proof.Log, a.Proof.Node)
	}
	var shown bytes.Buffer
	if err := facts.Check(&shown, strings.NewReader(a.Proof.Text), keys, nil); err != nil {
		return fmt.Errorf("the proof of the row of %s: %w", a.Path, err)
	}
	if !strings.Contains(shown.String(), a.Path) {
		return fmt.Errorf("the proof of the row of %s proves another line: %s", a.Path, tail(shown.String()))
	}
	return nil
}
