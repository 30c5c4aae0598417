package nodelease

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	want := State{Node: "node-1", Holder: "pod-1", Boot: "boot-1", NRI: true, Checkpoint: "origin\n3\nhash\n\n— signature\n", Renewed: time.UnixMicro(1).UTC()}
	lease := &coordinationv1.Lease{}
	require.NoError(t, Write(lease, want))
	got, ok := Read(lease)
	require.True(t, ok)
	require.Equal(t, want, got)
	acquired := lease.Spec.AcquireTime

	want.Renewed = time.UnixMicro(2).UTC()
	require.NoError(t, Write(lease, want))
	require.Equal(t, acquired, lease.Spec.AcquireTime, "the same holder")
	require.Equal(t, int64(2), lease.Spec.RenewTime.UnixMicro())

	want.Holder, want.Checkpoint = "", strings.Repeat("x", mostCheckpoint+1)
	require.NoError(t, Write(lease, want))
	got, _ = Read(lease)
	require.Empty(t, got.Holder)
	require.Empty(t, got.Checkpoint, "a Lease holds no more of it")
}

func TestOtherLeasesAreNoAgents(t *testing.T) {
	lease := &coordinationv1.Lease{}
	require.NoError(t, Write(lease, State{Node: "data-space-controller"}))
	require.NotEqual(t, "data-space-controller", lease.Name, "a node cannot take the controller's own")
	lease.Name = "node-1"
	_, ok := Read(lease)
	require.False(t, ok)
	require.Error(t, Write(lease, State{Node: "Node_1"}))
	require.Error(t, Write(lease, State{Node: strings.Repeat("n", 250)}))
}
