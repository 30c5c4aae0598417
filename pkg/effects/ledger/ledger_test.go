package ledger_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/ledger"
)

func TestALedgerIsReadAgainAfterARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "guarded")
	l, err := ledger.Open(dir)
	require.NoError(t, err)
	require.Empty(t, l.All())
	entry := ledger.Entry{Sandbox: "box", Namespace: "pharma", Name: "job", UID: "uid", Guest: "pharma-1", Netns: 7, Plan: "hash"}
	require.NoError(t, l.Put(entry))
	require.NoError(t, l.Put(ledger.Entry{Sandbox: "other"}))
	require.NoError(t, l.Delete("other"))
	require.NoError(t, l.Delete("never there"))

	again, err := ledger.Open(dir)
	require.NoError(t, err)
	got, ok := again.Get("box")
	require.True(t, ok)
	entry.Boot = got.Boot
	require.Equal(t, entry, got)
	require.Len(t, again.All(), 1)
}

func TestEntriesOfAnEarlierBootAreDropped(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/box.json", []byte(`{"sandbox": "box", "boot": "another"}`), 0o600))
	l, err := ledger.Open(dir)
	require.NoError(t, err)
	require.Empty(t, l.All())
	require.NoFileExists(t, dir+"/box.json")
}

func TestADamagedEntryIsNamed(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/box.json", []byte(`{"sand`), 0o600))
	_, err := ledger.Open(dir)
	require.ErrorContains(t, err, dir+"/box.json")
	require.ErrorContains(t, err, "remove the file")
}
