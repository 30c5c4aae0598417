//go:build api

package agent_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/test/accept"
	"data-space.liqo.io/test/kit"
)

const (
	racerImage = "docker.io/data-spacer-test/racer:1"
	guest      = "pharma"
	// What the pods' proxies call, and nobody else: it tells their packets from all others.
	peer4, peer6 = "198.51.100.1", "2001:db8:2::1"
	peerPort     = 7777
	// What the tenants' programs send to: somewhere behind the node.
	far4, far6 = "198.51.100.99", "2001:db8:9::99"
)

// race is a node with real pods, an API server, agents that come and go, and a capture of all that the pods send.
type race struct {
	*node
	c          *cluster
	dir        string
	conflist   string // the CNI configuration without our entry
	api        *kit.Line
	kubeconfig string
	pace       time.Duration // between two packets of each sender of a pod
	env        []string      // of the agents that start from now on

	mu     sync.Mutex
	agents []*process
	leaks  []string
	frames int
	served map[netip.Addr]int // connections of the proxies that were answered, by pod
}

// newRace starts it all, but for the agent. When the test ends, the capture is judged.
func newRace(t *testing.T) *race {
	t.Helper()
	r := &race{c: newCluster(t), node: newNode(t), pace: 10 * time.Millisecond, served: map[netip.Addr]int{}}
	r.dir = filepath.Dir(r.socket)
	r.build("agent", "cmd/agent", "-tags", "faults")
	r.build("plugin", "cmd/cni")
	r.build("racer", "test/agent/racer")
	r.reconfigure()
	conflist, err := os.ReadFile(r.dir + "/cni/test.conflist")
	require.NoError(t, err)
	r.conflist = string(conflist)
	archive := filepath.Join(r.dir, "racer.tar")
	require.NoError(t, os.WriteFile(archive, image(t, r.dir+"/racer", racerImage), 0o600))
	out, err := exec.Command(kit.Program(t, "ctr"), "-a", r.socket, "-n", "k8s.io", "images", "import", archive).CombinedOutput()
	require.NoError(t, err, string(out))

	r.c.namespace(guest, map[string]string{apis.LabelRemoteCluster: "pharma-1"})
	var server string
	r.api, server = newLine(t, r.c.config.Host)
	r.kubeconfig = r.c.kubeconfig(server, apis.SystemNamespace, account)
	r.peer()
	r.tap()
	t.Cleanup(r.noAgent)
	return r
}

func (r *race) build(name, from string, flags ...string) {
	r.t.Helper()
	build := exec.Command("go", append(append([]string{"build", "-ldflags", "-s -w", "-o", filepath.Join(r.dir, name)}, flags...), "data-space.liqo.io/"+from)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(r.t, err, string(out))
}

// reconfigure lets the runtime find the CNI plugin, and offer NRI.
func (r *race) reconfigure() {
	r.t.Helper()
	r.stop()
	file := r.dir + "/config.toml"
	config, err := os.ReadFile(file)
	require.NoError(r.t, err)
	text := strings.Replace(string(config), `bin_dirs = [`, fmt.Sprintf(`bin_dirs = [%q, `, r.dir+"/bin"), 1)
	text = strings.Replace(text, "nri.v1.nri\"]\n  disable = true", fmt.Sprintf("nri.v1.nri\"]\n  socket_path = %q", r.dir+"/nri.sock"), 1)
	require.NoError(r.t, os.WriteFile(file, []byte(text), 0o600))
	r.start()
}

// peer listens for the pods' proxies on the node, and notes who called.
func (r *race) peer() {
	r.t.Helper()
	require.NoError(r.t, r.netns.Do(func(ns.NetNS) error {
		kit.Sysctl(r.t, "net/ipv6/conf/default/accept_dad", "0") // a pod's IPv6 works from its first moment
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		for _, a := range []string{peer4 + "/32", peer6 + "/128"} {
			address, err := netlink.ParseAddr(a)
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(lo, address); err != nil {
				return err
			}
		}
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", peerPort))
		if err != nil {
			return err
		}
		r.t.Cleanup(func() { _ = l.Close() })
		go func() { _ = accept.Each(l, r.answer) }()
		return nil
	}))
}

// answer counts a connection by its client's address.
func (r *race) answer(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(time.Second))
	word := make([]byte, len("proxy"))
	if _, err := io.ReadFull(c, word); err == nil {
		from := netip.MustParseAddrPort(c.RemoteAddr().String()).Addr().Unmap()
		r.mu.Lock()
		r.served[from]++
		r.mu.Unlock()
	}
}

// tap captures on the node's ends of all pods' veths, from their first moment on.
func (r *race) tap() {
	r.t.Helper()
	inside, err := netns.Open(r.netns.Path())
	require.NoError(r.t, err)
	tap := kit.NewTap(r.t, inside, r.see)
	r.t.Cleanup(func() {
		tap.Stop()
		require.NoError(r.t, inside.Close())
		r.clean(r.t, "in all")
	})
}

// clean judges what has been captured since it was last called.
func (r *race) clean(t *testing.T, what string) {
	t.Helper()
	time.Sleep(50 * time.Millisecond) // for what is under way
	r.mu.Lock()
	defer r.mu.Unlock()
	leaks := r.leaks
	r.leaks = nil
	require.Empty(t, leaks[:min(len(leaks), 20)], "%s: %d packets that no proxy sent", what, len(leaks))
	t.Logf("%s: %d frames of pods so far, none that no proxy sent", what, r.frames)
}

// see judges one frame.
func (r *race) see(link int, p kit.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames++
	if !permitted(p) {
		r.leaks = append(r.leaks, fmt.Sprintf("%s link %d: %s", time.Now().Format("05.000"), link, p))
	}
}

// permitted tells what a pod's proxy sends, and what its kernel sends to find its neighbours and to be one: ARP, neighbour and
// router discovery, multicast listeners' reports. No process can make these without CAP_NET_RAW.
func permitted(p kit.Packet) bool {
	switch p.Protocol {
	case "arp":
		return true
	case "icmp6":
		return p.Type >= 130 && p.Type <= 136 || p.Type == 143
	case "tcp":
		to := p.Dst.Addr().String()
		return p.Dst.Port() == peerPort && (to == peer4 || to == peer6)
	}
	return false
}

// process is an agent as it is installed.
type process struct {
	r       *race
	command *exec.Cmd
	output  *kit.Output
	ended   chan struct{}
}

// agent starts one, with its own folders if it is not the node's ordinary one.
func (r *race) agent(extra ...string) *process {
	p := &process{r: r, output: &kit.Output{}, ended: make(chan struct{})}
	p.command = exec.Command(r.dir+"/agent", append([]string{
		"--kubeconfig=" + r.kubeconfig, "--node-name=" + nodeName, "--cri-socket=" + r.socket, "--iptables-backend=nft", "--kubelet-dir=off",
		"--status-socket=" + r.dir + "/agent.sock", "--state-dir=" + r.dir + "/guarded", "--metrics-bind-address=0", "--health-bind-address=0",
		"--gate=cni", "--cni-conf-dir=" + r.dir + "/cni", "--cni-bin-dir=" + r.dir + "/bin", "--cni-plugin=" + r.dir + "/plugin",
		"--gate-socket=" + r.dir + "/gate.sock", "--namespaces-file=" + r.dir + "/namespaces.json", "--nri-socket=" + r.dir + "/nri.sock",
	}, extra...)...)
	p.command.Env = append(append(os.Environ(), "GOMEMLIMIT=44MiB"), r.env...)
	p.command.Stdout, p.command.Stderr = p.output, p.output
	if err := p.command.Start(); err != nil {
		r.t.Error(err)
		close(p.ended)
		return p
	}
	go func() { _ = p.command.Wait(); close(p.ended) }()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.agents = append(r.agents, p)
	return p
}

// noAgent kills all agents, and shows what the last of them said if the test has failed.
func (r *race) noAgent() {
	r.mu.Lock()
	agents := slices.Clone(r.agents)
	r.mu.Unlock()
	for i, p := range agents {
		p.end(syscall.SIGKILL)
		if r.t.Failed() && i >= len(agents)-3 {
			r.t.Logf("agent %d of %d: %s", i+1, len(agents), p.output.End())
		}
	}
}

// end ends it and waits for that.
func (p *process) end(how syscall.Signal) {
	_ = p.command.Process.Signal(how)
	<-p.ended
}

// within reports whether it ends by itself in that time.
func (p *process) within(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(d):
		return !p.lives()
	}
}

func (p *process) lives() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// chained waits until the agent has put its plugin into the chain and the runtime has had time to see it.
func (r *race) chained() {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		text, err := os.ReadFile(r.dir + "/cni/test.conflist")
		return err == nil && strings.Contains(string(text), gate.PluginType)
	}, time.Minute, 5*time.Millisecond)
	time.Sleep(200 * time.Millisecond)
}

// isServed waits until the pod's proxy reaches its peer in both families, which nothing does before it is bound.
func (r *race) isServed(ctx context.Context, p *racer) error {
	for before := r.count(p); ; {
		now := r.count(p)
		if len(now) == 2 && now[0] > before[0] && now[1] > before[1] {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: its proxy does not reach anybody: %v, %v", p.config.GetMetadata().GetName(), p.ips, now)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// count is how many connections of the proxy were answered, by address of the pod.
func (r *race) count(p *racer) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var n []int
	for _, ip := range p.ips {
		n = append(n, r.served[ip])
	}
	return n
}
