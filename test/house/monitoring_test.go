package house

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// query finds in an expression of PromQL the metrics, and the places where a label has a value.
var (
	queryMetric = regexp.MustCompile(`\b(?:data_space|coredns)_\w+|\bup\b`)
	fullMetric  = regexp.MustCompile(`"(data_space_(?:agent|controller|proxy|webhook)_\w*[a-z])"`)
	histogram   = regexp.MustCompile(`_(?:bucket|sum|count)$`)
)

// TestEachQueryOfTheDashboardAndTheAlertsNamesMetricsThatExist reads deploy/monitoring.
func TestEachQueryOfTheDashboardAndTheAlertsNamesMetricsThatExist(t *testing.T) {
	known := append(namesIn(t, fullMetric, "../../pkg/programs/*/*.go"), "up")
	for _, name := range namesIn(t, policyName, "../../pkg/programs/nodepolicy/metrics.go") {
		known = append(known, "data_space_agent_policy_"+name)
	}
	all := queries(t)
	require.Greater(t, len(all), 30)
	for where, expression := range all {
		found := queryMetric.FindAllString(expression, -1)
		require.NotEmpty(t, found, "%s: %s: name a metric", where, expression)
		for _, name := range found {
			if name = histogram.ReplaceAllString(name, ""); !slices.Contains(known, name) {
				t.Errorf("%s: no program exports %s; correct deploy/monitoring, or the metric's name", where, name)
			}
		}
		for _, pair := range []string{"()", "{}", "[]"} {
			require.Equal(t, strings.Count(expression, pair[:1]), strings.Count(expression, pair[1:]), "%s: %s", where, expression)
		}
	}
}

// queries returns all expressions, by where they are.
func queries(t *testing.T) map[string]string {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	text, err := os.ReadFile("../../deploy/monitoring/dashboard.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &board))
	all := map[string]string{}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			all["dashboard.json: "+p.Title+" "+target.RefID] = target.Expr
		}
	}
	var rules struct {
		Spec struct {
			Groups []struct {
				Rules []struct {
					Alert, Expr string
					Annotations struct{ Summary, Description string }
				}
			}
		}
	}
	text, err = os.ReadFile("../../deploy/monitoring/alerts.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.UnmarshalStrict(text, &map[string]any{}))
	require.NoError(t, yaml.Unmarshal(text, &rules))
	for _, g := range rules.Spec.Groups {
		for _, r := range g.Rules {
			require.NotEmpty(t, r.Annotations.Summary, r.Alert)
			for _, page := range regexp.MustCompile(`docs/[a-z-]+\.md`).FindAllString(r.Annotations.Description, -1) {
				require.FileExists(t, "../../"+page, r.Alert)
			}
			all["alerts.yaml: "+r.Alert] = r.Expr
		}
	}
	return all
}
