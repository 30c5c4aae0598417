package facts_test

import (
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/programs/facts"
)

func TestTheCheckpointIsExportedWithItsWholeHash(t *testing.T) {
	require.Empty(t, (*facts.Emitter)(nil).Checkpoint())
	folder, registry := filepath.Join(t.TempDir(), "facts"), prometheus.NewRegistry()
	e := facts.New(config(folder), registry)
	stop := start(t, e)
	require.Eventually(t, func() bool { return e.Checkpoint() != "" }, patience, 20*time.Millisecond)
	signed, err := factlog.Folder(folder).Checkpoint()
	require.NoError(t, err)
	require.Equal(t, string(signed), e.Checkpoint())
	want, err := factlog.Unverified(signed)
	require.NoError(t, err)
	families, err := registry.Gather()
	require.NoError(t, err)
	var hash [32]byte
	parts := 0
	for _, family := range families {
		for _, m := range family.GetMetric() {
			switch family.GetName() {
			case "data_space_agent_facts_signed_lines":
				require.Equal(t, want.N, int64(m.GetGauge().GetValue()))
			case "data_space_agent_facts_checkpoint_hash":
				part, err := strconv.Atoi(m.GetLabel()[0].GetValue())
				require.NoError(t, err)
				parts++
				number := uint64(m.GetGauge().GetValue())
				for i := min(6*part+6, len(hash)) - 1; i >= 6*part; i-- {
					hash[i], number = byte(number), number>>8
				}
				require.Zero(t, number)
			}
		}
	}
	require.Equal(t, 6, parts)
	require.EqualValues(t, want.Hash, hash)
	stop()
}
