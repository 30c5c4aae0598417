package kubectlplugin

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

func TestWhatIsKeptOfALogFollowsItsKeys(t *testing.T) {
	log := filepath.Join(t.TempDir(), "facts")
	l, err := factlog.Open(log, factlog.Options{Node: "well", Total: 16 << 20, Segment: 1 << 20, Age: time.Hour})
	require.NoError(t, err)
	_, err = l.Append([]fact.Fact{{Kind: fact.AgentStarted}})
	require.NoError(t, err)
	require.NoError(t, l.Close())
	signed, err := factlog.Folder(log).Checkpoint()
	require.NoError(t, err)
	keys, err := factlog.Folder(log).Keys()
	require.NoError(t, err)

	folder, node := Folder(t.TempDir()), well()
	verify := func(old int64, keys ...string) {
		t.Helper()
		node[agentapi.RecordPath] = agentapi.RecordStatus{Keys: keys}
		node[agentapi.ContinuedPath] = string(translog.Submission{Old: old, Checkpoint: signed}.Text())
		v, err := Verify(t.Context(), nodes{"well": node}, folder)
		require.NoError(t, err)
		require.True(t, v.Healthy, v.Problems())
	}
	verify(0, keys...)
	verify(translog.CheckpointLines(signed), append(keys, "the next key")...)
	kept, checkpoint, err := folder.Read("well")
	require.NoError(t, err)
	require.Equal(t, signed, checkpoint)
	require.Subset(t, kept, keys)
	require.Greater(t, len(kept), len(keys))
}
