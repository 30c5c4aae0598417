package proxymemory_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/proxymemory"
)

func TestEndedConnectionsAreReportedOncePerPodAndTenMinutes(t *testing.T) {
	var reports proxymemory.Reports
	now := time.Unix(1000, 0)
	require.Zero(t, reports.Add(now, "one", 0))
	require.Equal(t, 3, reports.Add(now, "one", 3), "the first at once")
	require.Equal(t, 7, reports.Add(now, "two", 7), "another pod has its own bound")

	given, ended := 0, 0
	for range 3600 { // an hour, in which a proxy that starts again and again is the same pod's
		now = now.Add(time.Second)
		ended += 2
		if n := reports.Add(now, "one", 2); n > 0 {
			given++
			ended -= n
		}
	}
	require.Equal(t, 6, given)
	require.Zero(t, ended, "each report has all since the one before")

	require.Zero(t, reports.Add(now.Add(time.Second), "one", 5))
	require.Zero(t, reports.Add(now.Add(10*time.Minute-time.Second), "one", 0))
	require.Equal(t, 5, reports.Add(now.Add(10*time.Minute), "one", 0), "what ended after a report is in the next one, also where nothing ends any more")
	require.Zero(t, reports.Add(now.Add(time.Hour), "one", 0))
}

func TestReportsForgetPodsAfterTheSilence(t *testing.T) {
	var reports proxymemory.Reports
	now := time.Unix(1000, 0)
	for i := range 10_000 {
		require.Equal(t, 1, reports.Add(now, fmt.Sprint(i), 1))
		require.Zero(t, reports.Add(now, fmt.Sprint(i), 1))
		now = now.Add(time.Minute)
		require.LessOrEqual(t, reports.Kept(), 11)
	}
}

func TestTheReportHasTheNumberAndTheRemedy(t *testing.T) {
	report := proxymemory.Report("study", 12, 256<<20)
	require.LessOrEqual(t, len(proxymemory.Report(string(make([]byte, 63)), 1<<40, 1<<45)), 1024, "an Event takes no more")
	for _, part := range []string{
		"memory limit of 256 MiB", "12 since the last such Event", "do not read what arrives",
		"kubectl annotate namespace study --overwrite " + inject.AnnotationLimits + "=memory=512Mi", "--proxy-limits of the webhook", "create the pod again",
	} {
		require.Contains(t, report, part)
	}
}
