//go:build kernel

package facts_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/fact"
)

// fill writes a file until the disk has room for so many pages only.
func fill(t *testing.T, path string, pages int) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	page := bytes.Repeat([]byte{1}, 4096)
	for err == nil {
		_, err = f.Write(page)
	}
	require.ErrorIs(t, err, unix.ENOSPC)
	info, err := f.Stat()
	require.NoError(t, err)
	require.NoError(t, f.Truncate(max(0, info.Size()-int64(pages)*4096)))
	require.NoError(t, f.Close())
}

// TestAFullDiskLosesNoRequestAndHidesNoFact fills the disk of the logs, at another byte each time, while a guest's pod asks and the agent emits.
func TestAFullDiskLosesNoRequestAndHidesNoFact(t *testing.T) {
	disk := t.TempDir()
	require.NoError(t, unix.Mount("none", disk, "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { require.NoError(t, unix.Unmount(disk, unix.MNT_DETACH)) })
	folder, folderOfRequests := filepath.Join(disk, "facts"), t.TempDir()
	r := newRequests(t, folderOfRequests)
	e := newEmitter(config(folder))
	g := e.Guests(folderOfRequests)
	stop := start(t, e)
	emitted := 0
	for round := range 3 {
		fill(t, filepath.Join(disk, "full"), round)
		for range 60 { // some 24 KiB
			r.ask("study")
		}
		r.report(g.Synced)
		require.Eventually(t, func() bool { // facts of the node as well, until they find no room
			emitted++
			e.Emit(fact.Fact{Kind: "Enforced", Subject: fact.Subject{Namespace: "space", UID: time.Now().String()}})
			return e.Status().Problem != ""
		}, patience, 5*time.Millisecond, "the disk is full, and it is reported")
		require.NoError(t, os.Remove(filepath.Join(disk, "full")))
		joined(t, folder, r.n)
		require.Eventually(t, func() bool { return e.Status().Problem == "" }, patience, 10*time.Millisecond)
	}
	stop()
	of := map[string]int{}
	for _, f := range recorded(t, facts.GuestFolder(folder, "pharma")) {
		if f.Kind == fact.Requested {
			of[f.Request.Path]++
		}
	}
	require.Len(t, of, r.n, "each request is in the log of its guest")
	counts := map[fact.Kind]int64{}
	for _, f := range recorded(t, folder) {
		counts[f.Kind] += max(1, f.Count)
	}
	require.GreaterOrEqual(t, counts["Enforced"]+counts[fact.FactsLost]+counts[fact.FactsCounted], int64(emitted), "each fact is recorded or counted")
	v, err := facts.Verify(folder, nil, nil, "")
	require.NoError(t, err)
	require.Empty(t, v.Flaws, "both logs are intact, and the node's has the state of the guest's")
}
