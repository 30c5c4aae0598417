//go:build kernel || api || bench

package agent_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/test/kit"
)

// node is a container runtime in a network namespace of its own, as the only thing there.
type node struct {
	t       *testing.T
	engine  engine
	netns   ns.NetNS
	socket  string
	runtime cri.RuntimeServiceClient
	parent  string // control group of its pods
	backend xtables.Backend

	start func()
	stop  func()
}

// newNode starts containerd. It and all that it runs end with the test.
func newNode(t *testing.T) *node {
	t.Helper()
	return newNodeOf(t, containerd())
}

func newNodeOf(t *testing.T, e engine) *node {
	t.Helper()
	require.Zero(t, os.Geteuid(), "this test needs root")
	dir, err := os.MkdirTemp("", kit.RunName()+"-") // short: a socket's path has 108 bytes
	require.NoError(t, err)
	t.Cleanup(func() { sweep(t, dir) })
	handle, err := testutils.NewNS()
	require.NoError(t, err)
	require.NoError(t, handle.Do(func(ns.NetNS) error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	}))
	n := &node{t: t, engine: e, netns: handle, socket: filepath.Join(dir, "runtime.sock"), parent: "/" + filepath.Base(dir), backend: xtables.NFT}
	t.Cleanup(func() {
		require.NoError(t, handle.Close())
		require.NoError(t, testutils.UnmountNS(handle))
	})
	e.configure(n, dir)
	n.network(dir, "203.0.113.0/24", "2001:db8:1::/64")
	n.start, n.stop = n.daemon(dir)
	n.start()
	t.Cleanup(func() { n.removeAll(); n.stop() })
	n.importPause(dir)
	return n
}

// network gives pods an address of each of the ranges.
func (n *node) network(dir string, ranges ...string) {
	var subnets []string
	for _, r := range ranges {
		subnets = append(subnets, `[{"subnet": "`+r+`"}]`)
	}
	require.NoError(n.t, os.MkdirAll(dir+"/cni", 0o700))
	require.NoError(n.t, os.MkdirAll(dir+"/bin", 0o700))
	require.NoError(n.t, os.WriteFile(dir+"/cni/test.conflist", []byte(`{"cniVersion": "1.0.0", "name": "test", "plugins": [{"type": "ptp",
		"ipam": {"type": "host-local", "dataDir": "`+dir+`/ipam", "ranges": [`+strings.Join(subnets, ",")+`],
		"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}]}`), 0o600))
}

// daemon returns what starts and what stops the runtime. Sandboxes outlive it.
func (n *node) daemon(dir string) (start, stop func()) {
	var daemon *exec.Cmd
	var conn *grpc.ClientConn
	start = func() {
		file, err := os.OpenFile(dir+"/runtime.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		require.NoError(n.t, err)
		defer file.Close()
		daemon = exec.Command(kit.Program(n.t, n.engine.program), n.engine.flag, dir+"/config.toml")
		daemon.Env = append(os.Environ(), "PATH="+filepath.Dir(kit.Program(n.t, n.engine.program))+":"+os.Getenv("PATH"))
		daemon.Stdout, daemon.Stderr = file, file
		require.NoError(n.t, n.netns.Do(func(ns.NetNS) error { return daemon.Start() }))
		conn, err = grpc.NewClient("unix://"+n.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(n.t, err)
		n.runtime = cri.NewRuntimeServiceClient(conn)
		require.Eventually(n.t, func() bool {
			status, err := n.runtime.Status(n.t.Context(), &cri.StatusRequest{})
			if err != nil {
				return false
			}
			for _, c := range status.GetStatus().GetConditions() {
				if !c.GetStatus() && (c.GetType() == cri.RuntimeReady || c.GetType() == cri.NetworkReady) {
					return false
				}
			}
			return true
		}, 30*time.Second, 50*time.Millisecond, "the runtime did not start; see its log: %s", tail{dir + "/runtime.log"})
	}
	stop = func() {
		require.NoError(n.t, daemon.Process.Signal(syscall.SIGTERM))
		_ = daemon.Wait()
		require.NoError(n.t, conn.Close())
	}
	return start, stop
}

// tail is the end of a file, read when it is printed.
type tail struct{ path string }

func (f tail) String() string {
	text, err := os.ReadFile(f.path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-3000):])
}
