package kubectlplugin

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/agentapi"
)

func TestAReportHasWhatEachNodeHasAndTheProofsOfItsLines(t *testing.T) {
	cluster := watched(t)
	node, is := cluster["a"].(map[string]any)
	require.True(t, is)
	node[agentapi.ProofsPath] = `{"index":1,"proof":"the proof of line 1"}` + "\n" + `{"index":2,"problem":"no checkpoint yet"}` + "\n"
	cluster["silent"] = errors.New("hangs")
	page, missing, err := Report(t.Context(), cluster, at, at.Add(time.Hour))
	require.NoError(t, err)
	require.Contains(t, missing[0], "node silent")
	require.Contains(t, missing[1], "proofs of node b", "it has no log")
	require.Equal(t, "the proof of line 1", page.Drift.Events[0].Proof.Text)
	require.Len(t, page.Guests, 2, "the guest, and what is of none")
	guest := page.Guests[1]
	require.Equal(t, "pharma", guest.ID)
	require.InDelta(t, 1, guest.Pods[0].Contained, 0)
	require.Equal(t, int64(2), guest.Refused.Total, "a request and a name")
}
