//go:build kernel

package envoy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/containernetworking/plugins/pkg/testutils"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/podnet"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/accept"
	"data-space.liqo.io/test/kit"
)

// Where things are: a pod with its proxy, and everything else on the other side of a veth.
const (
	pod4, pod6     = "198.51.100.2", "2001:db8:1::2"
	peer4, peer6   = "198.51.100.3", "2001:db8:1::3"
	other4, other6 = "198.51.100.4", "2001:db8:1::4" // of the same side, where nothing listens unless a test does
	dns4, dns6     = "198.51.100.10", "2001:db8:1::a"

	waitLong = 30 * time.Second // for what must come: a busy machine takes its time
	tryLong  = 10 * time.Second // for an attempt that may fail or go on without end
	waitStep = 20 * time.Millisecond
)

// family is what a test does once for IPv4 and once for IPv6.
type family struct{ name, pod, peer, other, dns, loopback string }

func families() []family {
	return []family{
		{"IPv4", pod4, peer4, other4, dns4, "127.0.0.1"},
		{"IPv6", pod6, peer6, other6, dns6, "::1"},
	}
}

// world is the two network namespaces and the proxy in the pod's.
type world struct {
	pod, peer ns.NetNS
	proxy     *exec.Cmd
	stdout    *kit.Output
	stderr    *kit.Output
	args      string                        // of the proxy; empty: the sidecar's
	most      int64                         // bytes, the sidecar's memory limit; 0: sidecarMemory
	logs      func(stream string) io.Writer // takes the proxy's output in the place of stdout and stderr; may be nil
	cage      *cage                         // bounds the proxy's memory as the sidecar's limit does; nil: nothing does
}

func settings() envoy.Settings {
	return envoy.Settings{
		GuestID: "pharma", Namespace: "pharma-space", IPv6: true,
		ClusterDNS: []netip.Addr{netip.MustParseAddr(dns4), netip.MustParseAddr(dns6)},
	}.Default()
}

// newWorld makes the namespaces, redirects the pod's traffic as the node agent does (as far as the proxy sees it), and
// starts the proxy as the sidecar is started.
func newWorld(t *testing.T, s envoy.Settings) *world {
	t.Helper()
	return (&world{}).build(t, s)
}

// build is newWorld where the proxy is started in another way.
func (w *world) build(t *testing.T, s envoy.Settings) *world {
	t.Helper()
	require.Zero(t, os.Geteuid(), "these tests make network namespaces: run them as root")
	w.pod, w.peer, w.stdout, w.stderr = namespace(t), namespace(t), &kit.Output{}, &kit.Output{}
	w.connect(t)
	w.prepare(t)
	w.redirect(t)
	w.start(t, s)
	return w
}

func namespace(t *testing.T) ns.NetNS {
	t.Helper()
	n, err := testutils.NewNS()
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, n.Close())
		require.NoError(t, testutils.UnmountNS(n))
	})
	return n
}

func in(t *testing.T, n ns.NetNS, command string) {
	t.Helper()
	out, err := exec.Command("nsenter", "--net="+n.Path(), "sh", "-ec", command).CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
}

func (w *world) connect(t *testing.T) {
	t.Helper()
	in(t, w.pod, fmt.Sprintf("ip link add eth0 type veth peer name eth0 netns %s", w.peer.Path()))
	for n, addresses := range map[ns.NetNS][]string{w.pod: {pod4, pod6}, w.peer: {peer4, peer6, other4, other6, dns4, dns6}} {
		commands := []string{"ip link set lo up", "ip link set eth0 up"}
		for _, address := range addresses {
			bits, flags := "/24", ""
			if strings.Contains(address, ":") {
				bits, flags = "/64", " nodad"
				if address != pod6 && address != peer6 {
					flags += " preferred_lft 0" // no call comes from it
				}
			}
			commands = append(commands, "ip addr add "+address+bits+" dev eth0"+flags)
		}
		in(t, n, strings.Join(commands, "\n"))
	}
}

// prepare is what the node agent does besides the rules.
func (w *world) prepare(t *testing.T) {
	t.Helper()
	pod, err := netns.Open(w.pod.Path())
	require.NoError(t, err)
	defer pod.Close()
	_, err = podnet.Prepare(pod)
	require.NoError(t, err)
}

// redirect is the part of the node agent's rules that the proxy works behind.
func (w *world) redirect(t *testing.T) {
	t.Helper()
	for _, set := range redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{}) {
		restore := map[iptables.Family]string{iptables.V4: "iptables-restore", iptables.V6: "ip6tables-restore"}[set.Family]
		mangle, _ := set.Table("mangle")
		input, _ := mangle.Chain("INPUT")
		in(t, w.pod, restore+` <<END
*mangle
-A INPUT `+strings.Join(input.Rules[0].Words(), " ")+`
COMMIT
*nat
-A OUTPUT -m owner --uid-owner 1303 -j RETURN
-A OUTPUT -o lo -j RETURN
-A OUTPUT -p udp --dport 53 -j REDIRECT --to-ports 13053
-A OUTPUT -p tcp -j REDIRECT --to-ports 13031
-A PREROUTING ! -i lo -p tcp -m multiport ! --dports 13041,13043 -j REDIRECT --to-ports 13041
COMMIT
END`)
	}
}

// start runs Envoy with the sidecar's arguments, uid and lack of capabilities. A mount namespace of its own gives it the
// directories that a pod would, and takes them away when it ends.
func (w *world) start(t *testing.T, s envoy.Settings) {
	t.Helper()
	config, err := envoy.Bootstrap(s)
	require.NoError(t, err)
	sidecar := sidecar(cmp.Or(w.most, sidecarMemory), s.Reader != "")
	file := filepath.Join(t.TempDir(), "envoy.yaml")
	if w.cage != nil && w.cage.change != nil {
		config = w.cage.change(config)
	}
	require.NoError(t, os.WriteFile(file, config, 0o600))
	script := w.cage.script() + fmt.Sprintf(`
mount -t tmpfs none /run
mkdir -p %[1]s && chown 1303:1303 %[1]s
touch /run/envoy && mount --bind %[2]s /run/envoy
install -o 1303 -m 0400 %[3]s /run/envoy.yaml
exec setpriv --reuid 1303 --regid 1303 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
  /run/envoy -c /run/envoy.yaml %[4]s`,
		apis.ProxyRuntimeDir, kit.Envoy(t), file, cmp.Or(w.args, strings.Join(quoted(sidecar.Command[3:]), " ")))
	w.proxy = exec.Command("nsenter", "--net="+w.pod.Path(), "unshare", "--mount", "sh", "-ec", script)
	w.proxy.Env = append(os.Environ(), "POD_NAME=pharma-app")
	for _, v := range sidecar.Env {
		if v.ValueFrom == nil {
			w.proxy.Env = append(w.proxy.Env, v.Name+"="+v.Value)
		}
	}
	w.proxy.Stdout, w.proxy.Stderr = w.stdout, w.stderr
	if w.logs != nil {
		w.proxy.Stdout, w.proxy.Stderr = w.logs("stdout"), w.logs("stderr")
	}
	require.NoError(t, w.proxy.Start())
	t.Cleanup(func() {
		_ = w.proxy.Process.Kill() // the script and nsenter have become Envoy: one process
		_ = w.proxy.Wait()
		if t.Failed() {
			t.Logf("the end of what the proxy wrote to its stdout:\n%s\nto its stderr:\n%s", w.stdout.End(), w.stderr.End())
		}
	})
	require.Eventually(t, func() bool {
		c, err := w.dial(w.peer, "tcp", net.JoinHostPort(pod4, "13043"))
		if err == nil {
			c.Close()
		}
		return err == nil
	}, waitLong, waitStep, "the proxy starts")
}

// sidecar is the proxy's container as the webhook injects it.
func sidecar(memory int64, module bool) corev1.Container {
	limits := corev1.ResourceList{corev1.ResourceMemory: *resource.NewQuantity(memory, resource.BinarySI)}
	return inject.Sidecar(inject.Settings{Limits: limits, Module: module})
}

// arguments are the sidecar's, without its configuration file.
func arguments(memory int64) string {
	return strings.Join(quoted(sidecar(memory, false).Command[3:]), " ")
}

func quoted(words []string) []string {
	var all []string
	for _, w := range words {
		all = append(all, "'"+w+"'")
	}
	return all
}

// admin is the path of the admin socket as this process can reach it.
func (w *world) admin() string {
	return fmt.Sprintf("/proc/%d/root%s", w.proxy.Process.Pid, apis.ProxyAdminSocket)
}

// dial opens a connection from inside a network namespace.
func (w *world) dial(from ns.NetNS, network, address string) (net.Conn, error) {
	var c net.Conn
	err := from.Do(func(ns.NetNS) error {
		var err error
		c, err = net.DialTimeout(network, address, tryLong)
		return err
	})
	return c, err
}

// connection is dial for a test that cannot go on without; it cannot hang.
func (w *world) connection(t *testing.T, from ns.NetNS, network, host string, port int) net.Conn {
	t.Helper()
	c, err := w.dial(from, network, net.JoinHostPort(host, fmt.Sprint(port)))
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(waitLong)))
	t.Cleanup(func() { c.Close() })
	return c
}

// listen serves every connection to an address inside a network namespace, until the test's end.
func (w *world) listen(t *testing.T, where ns.NetNS, host string, port int, serve func(net.Conn)) {
	t.Helper()
	var l net.Listener
	require.NoError(t, where.Do(func(ns.NetNS) error {
		var err error
		l, err = net.Listen("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
		return err
	}))
	t.Cleanup(func() { l.Close() })
	go func() {
		_ = accept.Each(l, func(c net.Conn) {
			_ = c.SetDeadline(time.Now().Add(2 * waitLong))
			serve(c)
		})
	}()
}

// logged waits for the access log line that fits, and returns it. Lines that tell of a beginning, or of bytes that are not read, are left out.
func (w *world) logged(t *testing.T, fits func(line map[string]any) bool) map[string]any {
	t.Helper()
	return w.line(t, func(l map[string]any) bool {
		return l["event"] != "Begin" && l["event"] != "Unread" && l["event"] != "TcpConnectionStart" && fits(l)
	})
}

// line waits for the access log line that fits, and returns it.
func (w *world) line(t *testing.T, fits func(line map[string]any) bool) map[string]any {
	t.Helper()
	var found map[string]any
	require.Eventually(t, func() bool {
		for _, line := range w.log(t) {
			if fits(line) {
				found = line
				return true
			}
		}
		return false
	}, waitLong, waitStep, "an access log line")
	return found
}

// log returns what the agent makes of the proxy's lines.
func (w *world) log(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	var pairing record.Pairing
	for _, raw := range strings.Split(w.stderr.String()+"\n"+w.stdout.String(), "\n") {
		e := pairing.Whole(record.Line(record.Source{}, record.Position{}, record.Piece{Content: []byte(raw)}, 0))
		line := map[string]any{}
		if e.Log == nil || json.Unmarshal(e.Log, &line) != nil {
			continue // of which the end is not written yet
		}
		if line["direction"] != nil { // not of the proxy's own log
			all = append(all, line)
		}
	}
	return all
}
