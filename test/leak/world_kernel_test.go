//go:build kernel

package leak

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/podnet"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
	"data-space.liqo.io/test/leak/attack"
	"data-space.liqo.io/test/leak/trial"
	"data-space.liqo.io/test/podcapture"
)

// TestMain: the test binary is also the attacker, and the kit's actors.
func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8") // worlds mostly wait
	if len(os.Args) > 1 && os.Args[1] == attack.Argument {
		attack.Main(os.Args[2:], os.Stdin, os.Stdout)
		return
	}
	kit.Main(m)
}

// world is a pod with the real proxy in it, and a tenant's container.
type world struct {
	kit.Pod
	t               *testing.T
	pod, proxy, app kit.Cgroup
	node            *kit.Actor
	envoy           *exec.Cmd
	last            []trial.Result // of the last run
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Pod: kit.NewPod(t), t: t}
	w.pod = kit.NewCgroup(t, "pod")
	w.proxy, w.app = w.pod.Child(t, "proxy"), w.pod.Child(t, "app")
	_, err := podnet.Prepare(w.NS)
	require.NoError(t, err)
	w.node = kit.NewActor(t, kit.Identity{NS: w.Node})
	for _, restore := range []string{"iptables-nft-restore", "ip6tables-nft-restore"} { // whatever port is called, somebody answers
		w.in(w.Node, restore, "*nat\n-A PREROUTING -p tcp -j REDIRECT --to-ports 80\nCOMMIT\n")
	}
	w.listen(kit.Listen{Network: "tcp", At: everywhere(80), Echo: "outside "})
	for _, a := range []netip.Addr{kit.NodeV4(), kit.NodeV6(), kit.FarV4(), kit.FarV6()} {
		w.listen(kit.Listen{Network: "udp", At: netip.AddrPortFrom(a, 53), Echo: "name "})
	}
	return w
}

// everywhere is a port on every address of both families.
func everywhere(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.IPv6Unspecified(), port)
}

func (w *world) listen(l kit.Listen) {
	w.t.Helper()
	_, err := w.node.Listen(l)
	require.NoError(w.t, err)
}

// in runs a program inside a namespace that the test made.
func (w *world) in(ns *netns.Namespace, program, input string, args ...string) {
	w.t.Helper()
	require.NoError(w.t, ns.Do(func() error {
		command := exec.Command(program, args...)
		command.Stdin = strings.NewReader(input)
		out, err := command.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", program, err, out)
		}
		return nil
	}))
}

// startProxy runs the proxy and waits until it is ready.
func (w *world) startProxy() {
	w.t.Helper()
	w.launchProxy()
	require.Eventually(w.t, func() bool {
		id, err := w.node.Dial(kit.Dial{Network: "tcp", To: netip.AddrPortFrom(kit.PodV4(), apis.PortReady), Timeout: time.Second})
		return err == nil && w.node.Close(id) == nil
	}, time.Minute, 50*time.Millisecond, "the proxy starts")
}

// launchProxy runs Envoy with the sidecar's arguments, user and lack of capabilities, in the proxy's cgroup.
func (w *world) launchProxy() {
	w.t.Helper()
	config, err := envoy.Bootstrap(envoy.Settings{
		GuestID: "pharma", Namespace: "pharma-space", IPv6: true, ClusterDNS: []netip.Addr{kit.NodeV4(), kit.NodeV6()}, Reader: kit.Follower(w.t),
	}.Default())
	require.NoError(w.t, err)
	file := filepath.Join(w.t.TempDir(), "envoy.yaml")
	require.NoError(w.t, os.WriteFile(file, config, 0o600))
	script := fmt.Sprintf(`mount -t tmpfs none /run
mkdir -p %[1]s && chown 1303:1303 %[1]s
touch /run/envoy && mount --bind %[2]s /run/envoy
install -o 1303 -m 0400 %[3]s /run/envoy.yaml
exec setpriv --reuid 1303 --regid 1303 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
  /run/envoy -c /run/envoy.yaml --disable-hot-restart --concurrency 1 --log-level error`, apis.ProxyRuntimeDir, kit.Envoy(w.t), file)
	w.envoy = w.proxy.Command(w.t, "unshare", "--mount", "sh", "-ec", script)
	w.envoy.Stderr = os.Stderr
	require.NoError(w.t, w.NS.Do(w.envoy.Start))
	started := w.envoy
	w.t.Cleanup(func() {
		_ = started.Process.Kill()
		_ = started.Wait()
	})
	go w.mark(started.Process.Pid)
}

// mark marks the proxy's listeners as the agent does: as soon as they are there.
func (w *world) mark(pid int) {
	for owner := (sockets.Owner{PID: pid, Cgroup: w.proxy.Path}); ; time.Sleep(4 * time.Millisecond) {
		marked, err := sockets.MarkListeners(owner, redirect.SocketMark, redirect.MarkedPorts()...)
		if err != nil || len(marked.Ports) == len(redirect.MarkedPorts()) {
			return
		}
	}
}

func (w *world) bound() []iptables.Ruleset {
	return redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{Cgroup: w.proxy.Path, Pod: w.pod.Path})
}

func (w *world) enforce(b xtables.Backend, desired []iptables.Ruleset) {
	w.t.Helper()
	_, err := dataplane.New(b).Enforce(context.Background(), w.NS, desired)
	require.NoError(w.t, err)
}

// tenant starts the attacker in the application's container, with the runtime's default capabilities but for those that
// admission takes.
func (w *world) tenant(more ...int) *trial.Attacker {
	w.t.Helper()
	keep := []string{}
	for _, c := range append(kit.ContainerCapabilities(), unix.CAP_MKNOD, unix.CAP_SETFCAP, unix.CAP_FSETID, unix.CAP_AUDIT_WRITE) {
		if c != unix.CAP_NET_RAW {
			keep = append(keep, strconv.Itoa(c))
		}
	}
	for _, c := range more {
		keep = append(keep, strconv.Itoa(c))
	}
	self, err := os.Executable()
	require.NoError(w.t, err)
	command := w.app.Command(w.t, self, attack.Argument, "-keep", strings.Join(keep, ","), "serve")
	command.Stderr = os.Stderr
	var attacker *trial.Attacker
	require.NoError(w.t, w.NS.Do(func() error {
		attacker, err = trial.Start(command)
		return err
	}))
	w.t.Cleanup(attacker.Stop)
	return attacker
}

// trial begins to capture.
func (w *world) trial(attacker *trial.Attacker, means ...attack.Means) *trial.Trial {
	w.t.Helper()
	capture, err := podcapture.Open(w.Node, w.NS, []uint16{apis.PortIngressTCP})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = capture.Close() })
	root, err := podcapture.CgroupRoot()
	require.NoError(w.t, err)
	rules := podcapture.Rules{DNS: []netip.Addr{kit.NodeV4(), kit.NodeV6()}}
	if w.envoy != nil {
		owner, err := podcapture.ProcessOwner(root, w.envoy.Process.Pid)
		require.NoError(w.t, err)
		require.Equal(w.t, uint32(apis.ProxyUID), owner.UID)
		rules.Proxies = []podcapture.Owner{owner}
	}
	aim := func(far, near, pod netip.Addr) attack.Aim {
		return attack.Aim{Far: far, Near: near, Door: 80, Pod: pod, Open: netip.AddrPortFrom(far, 80), Hello: "\x00\x01\x02\x03\x04\x05\x06\x07", Proxy: uint32(apis.ProxyUID)}
	}
	return &trial.Trial{
		Attacker: attacker, Capture: capture, Rules: rules, Means: means,
		Aims: []attack.Aim{aim(kit.FarV4(), kit.NodeV4(), kit.PodV4()), aim(kit.FarV6(), kit.NodeV6(), kit.PodV6())},
		Say:  func(line string) { w.t.Log(line) },
	}
}
