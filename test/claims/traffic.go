package claims

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"data-space.liqo.io/test/claims/accesslog"
)

// results asks the guest's Service for its results, from the hospital's side.
func (w *World) results(ctx context.Context) (string, error) {
	return until(ctx, func(ctx context.Context) (string, error) {
		return w.resultsAt(ctx, "pharma."+pharmaSpace+".svc.cluster.local")
	})
}

func (w *World) resultsAt(ctx context.Context, host string) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	body, err := w.visit(bounded, "GET", "http://"+host+"/results")
	if err != nil {
		return "", err
	}
	result := struct {
		Patients int               `json:"patients"`
		Groups   []json.RawMessage `json:"groups"`
	}{}
	if err := json.Unmarshal([]byte(body), &result); err != nil {
		return "", fmt.Errorf("/results is no JSON: %w: %s", err, tail(body))
	}
	if result.Patients != hospitalPatients || len(result.Groups) != 2 {
		return "", fmt.Errorf("/results is of %d patients in %d groups", result.Patients, len(result.Groups))
	}
	return fmt.Sprintf("200, a study of %d patients in %d groups", result.Patients, len(result.Groups)), nil
}

// processed lets one pod of the guest ask for n patients and looks for each request in its proxy's log.
func (w *World) processed(n int) func(ctx context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		guests, err := w.guests(ctx)
		if err != nil {
			return "", err
		}
		pod, since := guests[0], time.Now().Add(-time.Second)
		body, err := w.visit(ctx, "POST", fmt.Sprintf("http://%s:%s/process/%d", pod.Status.PodIP, appPort, n))
		if err != nil {
			return "", err
		}
		counts := struct {
			Statuses map[string]int `json:"statuses"`
		}{}
		if err := json.Unmarshal([]byte(body), &counts); err != nil {
			return "", fmt.Errorf("/process is no JSON: %w: %s", err, tail(body))
		}
		if counts.Statuses["200"] != min(n, hospitalPatients) {
			return "", fmt.Errorf("the app counted %v", counts.Statuses)
		}
		hospital, err := w.serviceAddresses(ctx, hospitalSpace, "hospital")
		if err != nil {
			return "", err
		}
		targets := []string{}
		for _, address := range hospital {
			targets = append(targets, address.String())
		}
		return until(ctx, func(ctx context.Context) (string, error) {
			entries, err := w.accessLog(ctx, pod, since)
			if err != nil {
				return "", err
			}
			return logged(entries, n, targets)
		})
	}
}

// logged says whether the requests for the patients 1 to n are each in the log once or more, with the answer that the
// hospital gives, and with one of its addresses.
func logged(entries []accesslog.Entry, n int, hospital []string) (string, error) {
	codes, missing := map[int]int{}, []string{}
	for id := 1; id <= n; id++ {
		path, code := fmt.Sprintf("/patients/%d", id), 200
		if id > hospitalPatients {
			code = 404
		}
		found := slices.ContainsFunc(entries, func(e accesslog.Entry) bool {
			return e.Direction == "egress" && e.Kind == "http" && e.Method == http.MethodGet && e.Path == path && e.Code == code &&
				slices.ContainsFunc(hospital, func(a string) bool { return strings.Contains(e.UpstreamHost, a) })
		})
		if !found {
			missing = append(missing, path)
		}
		codes[code]++
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("%d of %d are not in the log: %s", len(missing), n, strings.Join(missing, " "))
	}
	if n == 0 {
		return "", errors.New("nothing was asked")
	}
	return fmt.Sprintf("%d of %d lines, with %d × 200 and %d × 404 of the hospital", n, n, codes[200], codes[404]), nil
}
