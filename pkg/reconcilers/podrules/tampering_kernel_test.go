//go:build kernel

package podrules

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/podhooks"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/workload"
	"data-space.liqo.io/test/kit"
)

// guardedPod is a pod whose proxy's rules are in the kernel, and the Reconciler that keeps them, which notices changes by events.
type guardedPod struct {
	whole    *testing.T // an event may come between two parts of it
	t        *testing.T // the part that runs
	backend  xtables.Backend
	rules    *Reconciler
	target   endpoint.Target
	inside   ns.NetNS
	proxy    kit.Cgroup
	repaired chan []drift.Finding // by an event
}

func newGuardedPod(t *testing.T, b xtables.Backend) *guardedPod {
	t.Helper()
	memory, made := emptyPod(t)
	p := &guardedPod{whole: t, t: t, backend: b, inside: made, proxy: kit.NewCgroup(t, "pod", "proxy"), repaired: make(chan []drift.Finding, 100)}
	for _, command := range []string{"link set lo up", "link add eth0 type veth peer name node0", "addr add 203.0.113.7/24 dev eth0", "link set eth0 up"} {
		p.run("ip " + command)
	}
	p.target = endpoint.Target{Sandbox: "box", Netns: made.Path(), Endpoint: endpoint.Endpoint{
		Namespace: "pharma", Name: "job", UID: "uid", IPs: []netip.Addr{netip.MustParseAddr("203.0.113.7")},
	}, Proxy: workload.Process{PID: 1, Cgroup: p.proxy.Path, CgroupInode: inode(t, p.proxy.Dir)}}
	p.rules = New(redirect.Settings{IPv6: true}, Parts{Dataplane: dataplane.New(b), Store: memory, Hooks: podhooks.New(b)})
	p.rules.NotifyChanged(func(string) { p.repaired <- p.update() })
	_ = p.update()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = p.rules.parts.Events.Run(ctx, func(string) { p.rules.changed("uid") }) }()
	t.Cleanup(func() { cancel(); <-ended })
	return p
}

// run runs a command in the pod's network namespace, as root of the node can. A table is what iptables-restore reads.
func (p *guardedPod) run(command string) {
	p.t.Helper()
	words := strings.Fields(command)
	if strings.HasPrefix(command, "*") {
		words = []string{"iptables-" + string(p.backend) + "-restore", "--noflush"}
	}
	require.NoError(p.t, p.inside.Do(func(ns.NetNS) error {
		c := exec.Command(words[0], words[1:]...)
		c.Stdin = strings.NewReader(command)
		out, err := c.CombinedOutput()
		if err != nil {
			p.t.Logf("%s: %s", command, out)
		}
		return err
	}))
}

func (p *guardedPod) update() []drift.Finding {
	out, err := p.rules.Update(context.Background(), p.target)
	if err != nil {
		p.whole.Error(err)
	}
	return out.Repaired
}

func (p *guardedPod) drift() []drift.Finding {
	p.t.Helper()
	out, err := p.rules.Observe(p.t.Context(), p.target)
	require.NoError(p.t, err)
	return out.State.Drift
}

// settle waits until nothing differs any more, and drops what was repaired until then.
func (p *guardedPod) settle() {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return len(p.drift()) == 0 }, time.Minute, 20*time.Millisecond, "it is undone")
	for len(p.repaired) > 0 {
		<-p.repaired
	}
}

// awaitRepair waits until this is repaired after an event. A repair of what was there before may be reported late.
func (p *guardedPod) awaitRepair(want string) {
	p.t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case found := <-p.repaired:
			if len(found) > 0 && strings.Contains(drift.Summary(found), want) {
				return
			}
		case <-limit:
			require.Fail(p.t, "no event led to a repair", want)
		}
	}
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	return st.Ino
}

// interference is something that root of the node, or a program of its, may do to a pod's network namespace.
type interference struct {
	name   string
	nft    []string // commands on a node that uses iptables-nft
	legacy []string // the same on one that uses iptables-legacy; nil: nft
	rounds bool     // the kernel notifies of none of it on a node that uses iptables-nft, so a round must find it
	quiet  bool     // the same on one that uses iptables-legacy
	want   string   // a part of what is reported
}

func interferences() []interference {
	legacy := func(command string) []string {
		return []string{strings.ReplaceAll(command, "tables-nft", "tables-legacy")}
	}
	rule := func(name, command, want string) interference {
		return interference{name: name, nft: []string{command}, legacy: legacy(command), quiet: true, want: want}
	}
	const moved = "-o lo -m comment --comment ds-nat-out-loopback -j RETURN"
	return []interference{
		rule("D1: ACCEPT at the top", "iptables-nft -I OUTPUT 1 -j ACCEPT", "filter/OUTPUT: unexpected rule -j ACCEPT"),
		{name: "D2: another order, equal counts", nft: []string{"*nat\n-D OUTPUT " + moved + "\n-I OUTPUT 1 " + moved + "\nCOMMIT\n"}, quiet: true, want: "nat/OUTPUT: moved"},
		rule("D3: a policy", "iptables-nft -P INPUT ACCEPT", "filter/INPUT: changed policy ACCEPT"),
		rule("D4: a chain is flushed", "iptables-nft -F OUTPUT", "counters that start again at zero"),
		rule("D5: a rule is removed", "iptables-nft -t mangle -D POSTROUTING 1", "mangle/POSTROUTING: missing rule"),
		{name: "D6: rules of the other backend", nft: []string{"iptables-legacy -t nat -A OUTPUT -p tcp -j RETURN"},
			legacy: []string{"iptables-nft -t nat -A OUTPUT -p tcp -j RETURN"}, want: "nat", rounds: true},
		{name: "D6: a table of nftables", nft: []string{"nft add table inet theirs ; add chain inet theirs out { type filter hook output priority -500 ; }"}, want: "inet theirs: unexpected table"},
		{name: "D6: a netdev table", nft: []string{"nft add table netdev theirs ; add chain netdev theirs in { type filter hook ingress device eth0 priority 0 ; }"}, want: "netdev theirs: unexpected table"},
		{name: "D6: a set", nft: []string{"nft add set ip filter theirs { type ipv4_addr ; }"}, legacy: []string{"nft add table ip theirs ; add set ip theirs one { type ipv4_addr ; }"}, want: "theirs"},
		{name: "D6: the tables sleep", nft: []string{"nft add table ip filter { flags dormant ; }"}, legacy: []string{"nft add table ip filter"}, want: "filter"},
		{name: "D6: a chain beside the frame filter", nft: []string{"nft add table netdev data-space-frames ; add chain netdev data-space-frames early { type filter hook ingress device eth0 priority -500 ; }"}, want: "chain early"},
		{name: "D6: filters of tc", nft: []string{"tc qdisc add dev eth0 clsact"}, want: "queueing discipline clsact"},
		rule("D7: IPv6 alone", "ip6tables-nft -I OUTPUT 1 -j ACCEPT", "ipv6 filter/OUTPUT: unexpected rule -j ACCEPT"),
		{name: "D9: a kernel parameter", nft: []string{"sysctl -w net.ipv4.tcp_fwmark_accept=1"}, want: "net.ipv4.tcp_fwmark_accept was 1", rounds: true, quiet: true},
		{name: "D10: a link is moved in", nft: []string{"ip link add theirs type veth peer name other", "ip link set theirs up"}, want: "link theirs (veth"},
	}
}

func TestWhateverOthersDoToAPodsNetworkIsSeenByEventAndUndone(t *testing.T) {
	for _, b := range []xtables.Backend{xtables.NFT, xtables.Legacy} {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			p := newGuardedPod(t, b)
			require.Empty(t, p.drift())
			for _, what := range interferences() {
				t.Run(what.name, func(t *testing.T) {
					commands := what.nft
					if b == xtables.Legacy && what.legacy != nil {
						commands = what.legacy
					}
					p.t = t
					for _, c := range commands {
						p.run(c)
					}
					// A verification after an event of before may be faster than the round.
					quiet := what.rounds && b == xtables.NFT || what.quiet && b == xtables.Legacy
					if !quiet || !strings.Contains(drift.Summary(p.update()), what.want) {
						p.awaitRepair(what.want)
					}
					p.settle()
				})
			}
			p.t = t
		})
	}
}

// What is looked for is seen where nothing is repaired as well: an operator's question changes nothing.
func TestAQuestionNamesWhatIsThereAndRemovesNothing(t *testing.T) {
	p := newGuardedPod(t, xtables.NFT)
	p.rules.leave("box") // no event
	p.run("nft add table inet theirs")
	p.run("ip link add theirs type veth peer name other")
	p.run("ip link set other up")
	for range 2 {
		found := drift.Summary(p.drift())
		require.Contains(t, found, "inet theirs")
		require.Contains(t, found, "link other")
		require.NotContains(t, found, "link theirs", "it is down")
		require.NotContains(t, found, "eth0", "it was there when the pod was enforced")
	}
}

func TestAControlGroupThatIsMadeAgainAtItsPathIsBoundAgain(t *testing.T) {
	for _, b := range []xtables.Backend{xtables.NFT, xtables.Legacy} {
		t.Run(string(b), func(t *testing.T) {
			p := newGuardedPod(t, b)
			p.settle()
			p.proxy.Remove(t)
			p.proxy.Make(t)
			require.NotEqual(t, p.target.Proxy.CgroupInode, inode(t, p.proxy.Dir), "the text of the rules is right, and they match nothing")
			p.target.Proxy.CgroupInode = inode(t, p.proxy.Dir)
			out, err := p.rules.Update(t.Context(), p.target)
			require.NoError(t, err)
			require.True(t, out.State.Wrote)
		})
	}
}

// A program of XDP that is attached by a file descriptor can be taken off, one that a link of BPF holds cannot: its pod is closed.
func TestAProgramThatCannotBeRemovedClosesThePod(t *testing.T) {
	p := newGuardedPod(t, xtables.NFT)
	p.settle()
	program := xdpProgram(t)
	attach := func(fd int) {
		require.NoError(t, p.inside.Do(func(ns.NetNS) error {
			l, err := netlink.LinkByName("eth0")
			if err == nil {
				err = netlink.LinkSetXdpFdWithFlags(l, fd, unix.XDP_FLAGS_SKB_MODE)
			}
			return err
		}))
	}
	attach(program)
	p.awaitRepair("program of XDP on link eth0")
	p.settle()

	held := exec.Command("nft", "-i") // a table that belongs to a process can be removed by no other
	p.t = t
	input, err := held.StdinPipe()
	require.NoError(t, err)
	p.rules.leave("box")
	require.NoError(t, p.inside.Do(func(ns.NetNS) error { return held.Start() }))
	t.Cleanup(func() { _ = input.Close(); _ = held.Wait() })
	_, err = input.Write([]byte("add table inet theirs { flags owner; }\n"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(p.drift()) > 0 }, time.Minute, 50*time.Millisecond)
	out, err := p.rules.Update(t.Context(), p.target)
	require.ErrorContains(t, err, "inet theirs: unexpected table of nftables cannot be removed")
	require.False(t, out.Bound, "no proxy is let out beside it")
	require.NoError(t, input.Close())
	_ = held.Wait()
	out, err = p.rules.Update(t.Context(), p.target)
	require.NoError(t, err)
	require.True(t, out.Bound)
}

// xdpProgram loads a program that lets every frame pass.
func xdpProgram(t *testing.T) int {
	t.Helper()
	code := []uint64{0x00000002_000000b7, 0x95} // r0 = XDP_PASS; exit
	license := []byte("GPL\x00")
	attr := struct {
		kind, count    uint32
		code, license  uint64
		level, size    uint32
		buffer         uint64
		version, flags uint32
	}{kind: 6, count: uint32(len(code)), code: uint64(uintptr(unsafe.Pointer(&code[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0])))}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	require.Zero(t, errno, "load a program of XDP")
	file := os.NewFile(fd, "xdp")
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	return int(fd)
}
