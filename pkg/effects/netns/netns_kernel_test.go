//go:build kernel

package netns_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/test/kit"
)

// mounted makes a network namespace that is bind-mounted as runtimes do it, and returns its path.
func mounted(t *testing.T) string {
	t.Helper()
	made, err := testutils.NewNS()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, made.Close())
		require.NoError(t, testutils.UnmountNS(made))
	})
	return made.Path()
}

func open(t *testing.T, path string) *netns.Namespace {
	t.Helper()
	ns, err := netns.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	return ns
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	return st.Ino
}

func TestOpen(t *testing.T) {
	t.Run("says that a path is not there", func(t *testing.T) {
		_, err := netns.Open("/run/netns/data-spacer-test-none")
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, "/run/netns/data-spacer-test-none")
	})
	t.Run("refuses a file that is no namespace", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		_, err := netns.Open(file)
		require.ErrorContains(t, err, file)
	})
	t.Run("keeps to the namespace that it opened when the path comes to name another", func(t *testing.T) {
		path := mounted(t)
		ns := open(t, path)
		before := ns.Inode()
		require.Equal(t, inode(t, path), before)
		require.NoError(t, ns.Do(func() error { return setUp("lo") }))

		require.NoError(t, unix.Unmount(path, unix.MNT_DETACH))
		other := mounted(t)
		require.NoError(t, unix.Mount(other, path, "none", unix.MS_BIND, ""))
		require.NotEqual(t, before, open(t, path).Inode())
		require.Equal(t, before, ns.Inode())
		require.NoError(t, ns.Do(func() error {
			lo, err := netlink.LinkByName("lo")
			if err == nil && lo.Attrs().Flags&1 == 0 {
				err = errors.New("lo is down: this is the other namespace")
			}
			return err
		}))
	})
}

func setUp(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

func TestDo(t *testing.T) {
	ns := kit.NewNamespace(t)
	t.Run("runs inside, and so do child processes", func(t *testing.T) {
		var here uint64
		var child string
		require.NoError(t, ns.Do(func() error {
			here = inode(t, "/proc/thread-self/ns/net")
			out, err := exec.Command("readlink", "/proc/self/ns/net").Output()
			child = strings.TrimSpace(string(out))
			return err
		}))
		require.Equal(t, ns.Inode(), here)
		require.Equal(t, fmt.Sprintf("net:[%d]", here), child)
	})
	t.Run("returns what the function returns", func(t *testing.T) {
		require.ErrorIs(t, ns.Do(func() error { return fs.ErrInvalid }), fs.ErrInvalid)
	})
}

func TestCheckPod(t *testing.T) {
	pod := kit.NewPod(t)
	t.Run("takes the namespace that holds one of the pod's addresses", func(t *testing.T) {
		require.NoError(t, pod.NS.CheckPod([]netip.Addr{kit.PodV4()}))
		require.NoError(t, pod.NS.CheckPod([]netip.Addr{netip.MustParseAddr("192.0.2.9"), kit.PodV6()}))
		require.NoError(t, pod.NS.CheckPod([]netip.Addr{netip.MustParseAddr("::ffff:203.0.113.2")}))
	})
	t.Run("refuses one that holds none of them, and says what it holds", func(t *testing.T) {
		err := pod.NS.CheckPod([]netip.Addr{netip.MustParseAddr("192.0.2.9")})
		require.ErrorIs(t, err, netns.ErrNotThePods)
		require.ErrorContains(t, err, "192.0.2.9")
		require.ErrorContains(t, err, "203.0.113.2")
	})
	t.Run("refuses any for a pod without an address", func(t *testing.T) {
		require.ErrorIs(t, pod.NS.CheckPod(nil), netns.ErrNotThePods)
	})
	t.Run("refuses the node's, by whatever path, even for an address that it holds", func(t *testing.T) {
		for _, path := range []string{"/proc/thread-self/ns/net", fmt.Sprintf("/proc/%d/ns/net", os.Getppid())} {
			host := open(t, path)
			require.ErrorIs(t, host.CheckPod([]netip.Addr{netip.MustParseAddr("127.0.0.1")}), netns.ErrHost)
		}
	})
	t.Run("is not misled by threads that are inside pods meanwhile", func(t *testing.T) {
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				for range 40 {
					if err := pod.NS.CheckPod([]netip.Addr{kit.PodV4()}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
	})
}

func TestScratchLeavesNoThreadBehind(t *testing.T) {
	home := inode(t, "/proc/thread-self/ns/net")
	var group sync.WaitGroup
	for range 40 {
		group.Go(func() {
			for range 5 {
				ns, err := netns.Scratch()
				if err != nil {
					t.Error(err)
					return
				}
				if ns.Inode() == home {
					t.Error("the scratch namespace is the one that we live in")
				}
				if err := ns.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	threads, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	for _, thread := range threads {
		link, err := os.Readlink("/proc/self/task/" + thread.Name() + "/ns/net")
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has ended
		}
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("net:[%d]", home), link, "thread %s", thread.Name())
	}
}
