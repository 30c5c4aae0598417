package facts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

// TestAPodThatFloodsItsProxysLogHidesNoRequestOfAnotherGuest: what the agent copies of 100 MB/s is far less (package logfollow); here it is all in the record at
// once, and the record is so small that its oldest part is removed before it is read.
func TestAPodThatFloodsItsProxysLogHidesNoRequestOfAnotherGuest(t *testing.T) {
	folder, folderOfRequests := filepath.Join(t.TempDir(), "facts"), t.TempDir()
	r := newRequests(t, folderOfRequests)
	loud, err := recordfile.Open(filepath.Join(folderOfRequests, "loud"), recordfile.Limits{Total: 4 << 20, Segment: 1 << 20})
	require.NoError(t, err)
	began := time.Now()
	g, stop := runGuests(t, config(folder), folderOfRequests)
	source := record.Source{Guest: "loud", Namespace: "loud-space", Pod: "loud", UID: "u", Container: apis.ProxyContainerName}
	lines := func(n int) []record.Entry {
		flood := make([]record.Entry, n)
		for i := range flood {
			flood[i] = entry(source, fmt.Sprintf("E %d.1764435600123456 200 - via_upstream 3 2 12 99 192.0.2.9:80", i))
		}
		return flood
	}
	require.NoError(t, loud.Append(lines(1)))
	synced := func() {
		t.Helper()
		require.NoError(t, loud.Sync())
		g.Synced("loud", loud.Synced())
	}
	synced()
	log := facts.GuestFolder(folder, "loud")
	require.Eventually(t, func() bool {
		_, err := os.Stat(log)
		return err == nil && slices.Contains(kinds(recorded(t, log)), fact.Requested)
	}, patience, 50*time.Millisecond, "the log of the loud guest has begun")
	const rounds = 2
	for range rounds {
		for range 3 { // some 3 MB each: what was read last is removed
			require.NoError(t, loud.Append(lines(10_000)))
		}
		synced()
		r.ask("study")
		r.report(g.Synced)
	}
	all := joined(t, folder, rounds)
	require.Len(t, all, rounds, "each request of the quiet guest")
	last, err := fact.Encode(0, fact.Fact{Kind: fact.AdmissionRefused, Reason: "pods", Subject: fact.Subject{Guest: "loud"}})
	require.NoError(t, err)
	webhook := record.Source{Guest: "loud", Namespace: apis.SystemNamespace, Pod: "data-space-webhook-1", Container: "webhook"}
	require.NoError(t, loud.Append([]record.Entry{entry(webhook, fact.LinePrefix+string(last))}))
	synced()
	require.Eventually(t, func() bool { return slices.Contains(kinds(recorded(t, folder)), fact.AdmissionRefused) }, patience, 50*time.Millisecond,
		"the loud guest's record is read to its end, and what our programs wrote there is not hidden")
	stop()
	var size int64
	of := map[fact.Kind]int64{}
	for _, f := range recorded(t, log) {
		of[f.Kind] += max(1, f.Count)
		size++
	}
	require.Greater(t, of[fact.Requested], int64(1000), "the lines of the flood are requests: %v", of)
	require.Less(t, size, 2100+int64(100*time.Since(began).Seconds()), "lines of the loud guest's log: its rate")
	require.Positive(t, of[fact.RequestsMissing], "what was not read is counted: %v", of)
	v, err := facts.Verify(folder, nil, nil, "")
	require.NoError(t, err)
	require.Empty(t, v.Flaws)
}
