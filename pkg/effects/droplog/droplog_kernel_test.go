//go:build kernel

package droplog

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

const group = 1303

// A process of the pod, with all capabilities that a container may have, listens to the group or takes it from the agent: the kernel permits neither.
func TestAContainerCannotListen(t *testing.T) {
	ns := kit.NewNamespace(t)
	listen := func(permitted ...int) error {
		data := [2]unix.CapUserData{}
		for _, capability := range permitted {
			data[0].Effective |= 1 << capability
		}
		data[0].Permitted = data[0].Effective
		return ns.Do(func() error { // in a thread that ends with the call, since it cannot return to its namespace
			if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0]); err != nil {
				return err
			}
			fd, err := open(group)
			if err == nil {
				_ = unix.Close(fd)
			}
			return err
		})
	}
	require.NoError(t, listen(unix.CAP_NET_ADMIN), "with the capability it works")
	require.ErrorIs(t, listen(kit.ContainerCapabilities()...), unix.EPERM)
}

func TestAGroupHasOneListenerAtATime(t *testing.T) {
	ns := kit.NewNamespace(t)
	first, second := New(group), New(group)
	require.NoError(t, first.Watch("pod", ns))
	require.Error(t, second.Watch("pod", ns))
	first.Forget("pod")
	require.NoError(t, second.Watch("pod", ns), "the agent that follows has it")
	second.Forget("pod")
}
