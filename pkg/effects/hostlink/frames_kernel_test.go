//go:build kernel

package hostlink_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/test/kit"
)

const (
	onNode = "on the node's end"
	inPod  = "in the pod"
)

// kinds are the frames that are tried: by name, all that follows the two addresses. A sender that may open AF_PACKET stands
// for the kernel's own protocols (PPPoE takes no capability), whose modules this machine does not have.
func kinds() map[string][]byte {
	typed := func(kind uint16, more ...byte) []byte {
		return append(binary.BigEndian.AppendUint16(nil, kind), append(more, "frames of a tenant, long enough to be whole frames"...)...)
	}
	return map[string][]byte{
		"PPPoE session":     typed(0x8864, 0x11, 0, 0, 1),
		"PPPoE discovery":   typed(0x8863, 0x11, 9, 0, 0),
		"IPX":               typed(0x8137),
		"AppleTalk":         typed(0x809b),
		"TIPC":              typed(0x88ca),
		"LLC":               append([]byte{0, 46}, slices.Repeat([]byte{0xaa}, 46)...),
		"VLAN of IPv4":      typed(0x8100, 0, 1, 0x08, 0x00, 0x45),
		"QinQ":              typed(0x88a8, 0, 1, 0x81, 0, 0, 2, 8, 0),
		"AoE":               typed(0x88a2),
		"MACsec":            typed(0x88e5),
		"a kind of nothing": typed(0xffff),
	}
}

// wanted are the kinds that pass.
func wanted() map[string][]byte {
	four, six := make([]byte, 46), make([]byte, 46)
	four[0], four[3], four[8], four[9] = 0x45, 46, 64, 253
	copy(four[12:], kit.PodV4().AsSlice())
	copy(four[16:], kit.NodeV4().AsSlice())
	binary.BigEndian.PutUint16(four[10:], checksum(four[:20])) // a bridge may hold a packet to it
	six[0], six[5], six[6], six[7] = 0x60, 6, 59, 64
	return map[string][]byte{
		"IPv4": append([]byte{0x08, 0x00}, four...), "IPv6": append([]byte{0x86, 0xdd}, six...),
		"ARP": append([]byte{0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2}, make([]byte, 38)...),
	}
}

// checksum is that of RFC 1071.
func checksum(header []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	return ^uint16(sum + sum>>16)
}

// sendFrame sends a frame from the pod's eth0, by AF_PACKET.
func sendFrame(t *testing.T, pod *netns.Namespace, to net.HardwareAddr, rest []byte) {
	t.Helper()
	err := kit.SendFrame(t, pod, "eth0", func(own net.HardwareAddr) []byte { return slices.Concat(to, own, rest) })
	if !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EPERM) { // those: the filter in the pod drops it while it is sent
		require.NoError(t, err)
	}
}

// beyond is what passes the node's end of a link: a listener for one kind of frames gets them behind the filter, which one
// for all kinds does not.
type beyond struct {
	t   *testing.T
	fds map[string]int
}

func listen(t *testing.T, ns *netns.Namespace, link string, all map[string][]byte) beyond {
	t.Helper()
	b := beyond{t, map[string]int{}}
	require.NoError(t, ns.Do(func() error {
		l, err := netlink.LinkByName(link)
		require.NoError(t, err)
		for name, rest := range all {
			kind := binary.BigEndian.Uint16(rest)
			if kind < 0x600 {
				kind = unix.ETH_P_802_2
			}
			if kind == 0x8100 || kind == 0x88a8 { // the kernel takes the tag off, and nobody is there for the VLAN
				continue
			}
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
			require.NoError(t, err)
			t.Cleanup(func() { unix.Close(fd) })
			protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, kind))
			require.NoError(t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: l.Attrs().Index}))
			b.fds[name] = fd
		}
		return nil
	}))
	return b
}

// seen are the names of the kinds that arrived since the last call.
func (b beyond) seen() []string {
	time.Sleep(200 * time.Millisecond) // for frames that are still under way
	var names []string
	for name, fd := range b.fds {
		frame := make([]byte, 2048)
		for {
			n, _, err := unix.Recvfrom(fd, frame, 0)
			if err != nil {
				break
			}
			if strings.Contains(string(frame[:n]), "tenant") || name == "LLC" || wanted()[name] != nil {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func names(all map[string][]byte) (out []string) {
	for name := range all {
		if name != "VLAN of IPv4" && name != "QinQ" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// try sends all kinds and returns which of them, and of those that are wanted, arrived.
func try(t *testing.T, p kit.Pod, where *netns.Namespace, link string) (unwanted, arrived []string) {
	t.Helper()
	bad, good := listen(t, where, link, kinds()), listen(t, where, link, wanted())
	for _, all := range []map[string][]byte{kinds(), wanted()} {
		for _, rest := range all {
			sendFrame(t, p.NS, net.HardwareAddr{255, 255, 255, 255, 255, 255}, rest)
		}
	}
	return bad.seen(), good.seen()
}

// only takes the filter away in the other place.
func only(t *testing.T, p kit.Pod, where string) {
	t.Helper()
	other := p.NS
	if where == inPod {
		other = p.Node
	}
	run(t, other, "nft", "delete", "table", "netdev", "data-space-frames")
}

func TestFramesThatAreNotIPDoNotLeaveAGuardedPod(t *testing.T) {
	for _, where := range []string{onNode, inPod} {
		t.Run(where+", routed", func(t *testing.T) {
			p := kit.NewPod(t)
			unwanted, arrived := try(t, p, p.Node, "pod0")
			require.Equal(t, names(kinds()), unwanted, "unguarded")
			require.Equal(t, names(wanted()), arrived)
			host := open(t, p)
			filtered, err := host.Filter(p.NS, "box")
			require.NoError(t, err)
			require.Equal(t, hostlink.Filtered{Node: []string{"pod0"}, Pod: []string{"eth0"}}, filtered)
			only(t, p, where)
			unwanted, arrived = try(t, p, p.Node, "pod0")
			require.Empty(t, unwanted)
			require.Equal(t, names(wanted()), arrived)

			filtered, err = host.Filter(p.NS, "box")
			require.NoError(t, err)
			require.True(t, filtered.Repaired)
			dropped := map[string]uint64{onNode: filtered.FromNode, inPod: filtered.FromPod}
			require.GreaterOrEqual(t, dropped[where], uint64(len(kinds())), "each is counted, those with a VLAN tag as well")
		})
		t.Run(where+", bridged", func(t *testing.T) {
			p, neighbour := kit.NewPod(t), kit.NewNamespace(t)
			bridged(t, p, neighbour)
			unwanted, arrived := try(t, p, neighbour, "eth0")
			require.Equal(t, names(kinds()), unwanted, "unguarded")
			require.Equal(t, names(wanted()), arrived)
			_, err := open(t, p).Filter(p.NS, "box")
			require.NoError(t, err)
			only(t, p, where)
			unwanted, arrived = try(t, p, neighbour, "eth0")
			require.Empty(t, unwanted)
			require.Equal(t, names(wanted()), arrived)
		})
	}
}

// bridged joins the pod's veth and a neighbour's by a bridge.
func bridged(t *testing.T, p kit.Pod, neighbour *netns.Namespace) {
	t.Helper()
	keeper := kit.NewActor(t, kit.Identity{NS: neighbour})
	run(t, p.Node, "ip", "link", "add", "br0", "type", "bridge")
	run(t, p.Node, "ip", "link", "set", "pod0", "master", "br0")
	run(t, p.Node, "ip", "link", "add", "next0", "type", "veth", "peer", "name", "eth0", "netns", fmt.Sprint(keeper.PID()))
	run(t, p.Node, "ip", "link", "set", "next0", "master", "br0", "up")
	run(t, p.Node, "ip", "link", "set", "br0", "up")
	run(t, neighbour, "ip", "link", "set", "eth0", "up")
	require.Eventually(t, func() bool { _, arrived := try(t, p, neighbour, "eth0"); return len(arrived) == len(wanted()) }, 30*time.Second, time.Millisecond)
}

func TestAFilteredPodIsReachedAndReaches(t *testing.T) {
	p := kit.NewPod(t)
	_, err := open(t, p).Filter(p.NS, "box")
	require.NoError(t, err)
	app, node := kit.NewActor(t, kit.Identity{NS: p.NS}), kit.NewActor(t, kit.Identity{NS: p.Node})
	reaches := func(from *kit.Actor, to netip.Addr) {
		t.Helper()
		require.Eventually(t, func() bool { return from.Ping(to) == nil }, 30*time.Second, time.Millisecond, "%s: a loaded machine may take longer than one ping waits", to)
	}
	p.FlushNeighbours(t)
	reaches(app, kit.NodeV4())
	reaches(app, kit.NodeV6())
	p.FlushNeighbours(t)
	run(t, p.Node, "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
	reaches(node, kit.PodV4())
	reaches(node, kit.PodV6())
}

// TestFiltersAreRepairedAndOutliveTheAgent: what others change comes back; what nobody changed is not written again.
func TestFiltersAreRepairedAndOutliveTheAgent(t *testing.T) {
	p := kit.NewPod(t)
	run(t, p.Node, "nft", "add table netdev others; add chain netdev others c { type filter hook ingress device pod0 priority 0; }")
	before := run(t, p.Node, "nft", "list", "ruleset")
	host := open(t, p)
	_, err := host.Filter(p.NS, "box")
	require.NoError(t, err)
	listing := func(ns *netns.Namespace) string { return run(t, ns, "nft", "-a", "list", "ruleset") }
	node, pod := listing(p.Node), listing(p.NS)

	again := open(t, p)
	require.Equal(t, []string{"box"}, again.Filtering())
	for _, h := range []*hostlink.Host{host, again} {
		filtered, err := h.Filter(p.NS, "box")
		require.NoError(t, err)
		require.False(t, filtered.Repaired)
	}
	require.Equal(t, []string{node, pod}, []string{listing(p.Node), listing(p.NS)}, "to the handles")

	for _, change := range []string{
		"delete table netdev data-space-frames", "flush table netdev data-space-frames", "add table netdev data-space-frames { flags dormant ; }",
	} {
		for _, ns := range []*netns.Namespace{p.Node, p.NS} {
			run(t, ns, "nft", change)
			filtered, err := again.Filter(p.NS, "box")
			require.NoError(t, err)
			require.True(t, filtered.Repaired, change)
			unwanted, _ := try(t, p, p.Node, "pod0")
			require.Empty(t, unwanted, change)
			_, err = again.Filter(p.NS, "box")
			require.NoError(t, err)
		}
	}
	run(t, p.Node, "nft", "insert rule netdev data-space-frames "+chainOn(t, p)+" accept")
	filtered, err := again.Filter(p.NS, "box")
	require.NoError(t, err)
	require.True(t, filtered.Repaired)

	_, err = again.Filter(p.NS, "other")
	require.NoError(t, err)
	require.NoError(t, again.Unfilter(nil, "other"))
	require.Contains(t, listing(p.Node), "box.")
	require.NotContains(t, listing(p.Node), "other.")
	require.NoError(t, again.Unfilter(p.NS, "box"))
	require.Equal(t, before, run(t, p.Node, "nft", "list", "ruleset"))
	require.Empty(t, strings.TrimSpace(listing(p.NS)))
	require.Empty(t, again.Filtering())
}

func chainOn(t *testing.T, p kit.Pod) string {
	t.Helper()
	for line := range strings.Lines(run(t, p.Node, "nft", "list", "table", "netdev", "data-space-frames")) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "chain" {
			return words[1]
		}
	}
	t.Fatal("no chain")
	return ""
}

// TestAWallAndAFilterStandTogether: the wall comes before the filter and goes without it.
func TestAWallAndAFilterStandTogether(t *testing.T) {
	p := kit.NewPod(t)
	host := open(t, p)
	_, err := host.Filter(p.NS, "box")
	require.NoError(t, err)
	filters := run(t, p.Node, "nft", "list", "ruleset")
	_, err = host.Up(p.NS, "box", ips())
	require.NoError(t, err)
	_, arrived := try(t, p, p.Node, "pod0")
	require.Empty(t, arrived, "the wall holds")
	require.NoError(t, host.Down("box"))
	require.Equal(t, filters, run(t, p.Node, "nft", "list", "ruleset"))
	unwanted, arrived := try(t, p, p.Node, "pod0")
	require.Empty(t, unwanted)
	require.Equal(t, names(wanted()), arrived)
}

// TestWhereTheNodesEndCannotHoldAFilterThePodsDoes: no link goes down for it.
func TestWhereTheNodesEndCannotHoldAFilterThePodsDoes(t *testing.T) {
	t.Run("a program of others takes the frames", func(t *testing.T) {
		p := kit.NewPod(t)
		run(t, p.Node, "tc", "qdisc", "add", "dev", "pod0", "clsact")
		filtered, err := open(t, p).Filter(p.NS, "box")
		require.NoError(t, err)
		require.Empty(t, filtered.Node)
		require.Equal(t, []string{"eth0"}, filtered.Pod)
		require.Empty(t, filtered.Open)
		require.Len(t, filtered.Missing, 1)
		require.Contains(t, filtered.Missing[0], "clsact")
		require.True(t, isUp(t, p.Node, "pod0"))
	})
	t.Run("a link without an end on this node", func(t *testing.T) {
		p, elsewhere := kit.NewPod(t), kit.NewPod(t)
		filtered, err := open(t, elsewhere).Filter(p.NS, "box")
		require.NoError(t, err)
		require.Empty(t, filtered.Node)
		require.Equal(t, []string{"eth0"}, filtered.Pod)
		require.Contains(t, filtered.Missing[0], hostlink.ErrLoose.Error())
		require.True(t, isUp(t, p.NS, "eth0"))
		unwanted, arrived := try(t, p, p.Node, "pod0")
		require.Empty(t, unwanted)
		require.Equal(t, names(wanted()), arrived)
	})
}

// TestALinkThatGoesMeanwhileIsNoKernelWithoutHooks: the answer of the kernel is the same, and what follows is not. A failure
// keeps the pod from starting, and is tried again.
func TestALinkThatGoesMeanwhileIsNoKernelWithoutHooks(t *testing.T) {
	for _, hook := range []*nftables.ChainHook{nftables.ChainHookIngress, nftables.ChainHookEgress} {
		require.False(t, hostlink.Unsupported(fmt.Errorf("nftables: %w", unix.ENOENT), hook))
		require.False(t, hostlink.Unsupported(fmt.Errorf("nftables: %w", unix.EINVAL), hook))
		require.True(t, hostlink.Unsupported(fmt.Errorf("nftables: %w", unix.EOPNOTSUPP), hook))
	}
	none := nftables.ChainHookRef(5) // what no kernel has
	require.True(t, hostlink.Unsupported(fmt.Errorf("nftables: %w", unix.ENOENT), none))
}
