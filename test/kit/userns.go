package kit

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// UserNamespaced makes a network namespace as a runtime makes it for a pod with hostUsers: false (KEP-127), and returns a
// path that opens it until the test ends.
func UserNamespaced(tb testing.TB) string {
	tb.Helper()
	requireRoot(tb)
	holder := exec.Command("sleep", "60")
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 65536}}
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET, UidMappings: ids, GidMappings: ids}
	require.NoError(tb, holder.Start())
	tb.Cleanup(func() {
		require.NoError(tb, holder.Process.Kill())
		_ = holder.Wait() // it was killed
	})
	return fmt.Sprintf("/proc/%d/ns/net", holder.Process.Pid)
}
