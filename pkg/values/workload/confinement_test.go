package workload_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/values/workload"
)

func TestCapabilitiesHaveTheKernelsNumbers(t *testing.T) {
	for name, number := range map[string]int{
		"CHOWN": unix.CAP_CHOWN, "NET_ADMIN": unix.CAP_NET_ADMIN, "NET_RAW": unix.CAP_NET_RAW, "SYS_PTRACE": unix.CAP_SYS_PTRACE,
		"SYS_ADMIN": unix.CAP_SYS_ADMIN, "MKNOD": unix.CAP_MKNOD, "SETFCAP": unix.CAP_SETFCAP, "BPF": unix.CAP_BPF,
		"CHECKPOINT_RESTORE": unix.CAP_CHECKPOINT_RESTORE,
	} {
		set := workload.CapabilitySet("CAP_" + name)
		require.Equal(t, workload.Capabilities(1)<<number, set, name)
		require.Equal(t, set, workload.CapabilitySet(name))
		require.Equal(t, name, set.String())
	}
	require.Equal(t, workload.Capabilities(1)<<unix.CAP_LAST_CAP, workload.CapabilitySet("CHECKPOINT_RESTORE"))
	require.Equal(t, "NET_RAW, unknown", workload.CapabilitySet("NET_RAW", "TOMORROW").String())
	require.Empty(t, workload.Capabilities(0).String())
}
