package record_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
)

func TestManyOfTheProxysOwnAnswersAreReportedOncePerPodAndTenMinutes(t *testing.T) {
	var tally record.Tally
	now := time.Unix(1000, 0)
	one, two := record.Source{Namespace: "ns", Pod: "one"}, record.Source{Namespace: "ns", Pod: "two"}
	add := func(s record.Source, own string, times int) (reports []string) {
		for range times {
			if report := tally.Add(now, s, own); report != "" {
				reports = append(reports, report)
			}
		}
		return reports
	}
	require.Empty(t, add(one, "UF", 19), "few")
	require.Empty(t, add(two, "", 100))
	require.Empty(t, add(two, "UF", 24), "a small share")
	require.Equal(t, []string{"the proxy answered 20 of 20 requests and connections itself within 0s, most of them for UF; " +
		"agent requests --pod ns/one on its node lists them"}, add(one, "UF", 50))
	require.Len(t, add(two, "UF", 50), 1)
	now = now.Add(9 * time.Minute)
	require.Empty(t, add(one, "UF", 100))
	now = now.Add(2 * time.Minute)
	require.Len(t, add(one, "UF", 100), 1)
	tally.Forget(one)
	require.Empty(t, add(one, "UF", 19))
}
