package socketmemory

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/endpoint"
)

// A proxy that starts again is another watch of the same pod: the bound is the pod's.
func TestEachEndIsNoticedAndAPodIsReportedOnceInTenMinutes(t *testing.T) {
	k := New(nil, nil)
	pod := endpoint.Endpoint{Namespace: "ns", Name: "pod", UID: "uid"}
	ended, reports := 0, []string{}
	now := time.Unix(1000, 0)
	end := func(n int) {
		k.notify(&watch{target: endpoint.Target{Endpoint: pod}, limit: 256 << 20}, now, n)
	}
	end(1) // without a Notice
	now = now.Add(time.Hour)
	k.Notify(func(e endpoint.Endpoint, n int, report string) {
		require.Equal(t, pod, e)
		require.True(t, n > 0 || report != "", "nothing happened")
		ended += n
		if report != "" {
			reports = append(reports, report)
		}
	})
	for range 30 {
		end(2)
		end(0)
		now = now.Add(time.Minute)
	}
	require.Equal(t, 60, ended)
	require.Len(t, reports, 3)
	require.Contains(t, reports[0], " 2 since the last such Event")
	require.Contains(t, reports[1], " 20 since the last such Event")
}
