//go:build vm

package node

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
	"data-space.liqo.io/test/leak/attack"
)

// pod is a foreign pod with a program in the proxy's place, which sends nothing by itself: whatever comes out of the guarded pod
// is a leak.
type pod struct {
	kit.Pod
	t       *testing.T
	cgroup  kit.Cgroup // the pod's, with those of its containers
	proxy   kit.Cgroup
	node    *kit.Actor
	inside  *kit.Actor
	watches []*watch
	peer    string // the link address of the pod's neighbour
}

func newPod(t *testing.T, bridged bool) *pod {
	t.Helper()
	p := &pod{Pod: kit.NewPod(t), t: t, cgroup: kit.NewCgroup(t, "pod")}
	t.Cleanup(p.sweep)
	p.proxy = p.cgroup.Child(t, "proxy")
	p.node = kit.NewActor(t, kit.Identity{NS: p.Node})
	p.inside = kit.NewActor(t, kit.Identity{NS: p.NS, Cgroup: p.proxy, UID: uint32(apis.ProxyUID), GID: uint32(apis.ProxyUID), Keep: []int{}})
	for _, port := range []uint16{apis.PortEgressTCP, apis.PortIngressTCP, apis.PortReady} {
		_, err := p.inside.Listen(kit.Listen{Network: "tcp", At: netip.AddrPortFrom(netip.IPv6Unspecified(), port)})
		require.NoError(t, err)
	}
	_, err := p.node.Listen(kit.Listen{Network: "tcp", At: netip.AddrPortFrom(netip.IPv6Unspecified(), 80), Echo: "outside "})
	require.NoError(t, err)
	if bridged {
		p.bridge()
	} else {
		p.peer = linkAddress(t, p.Node, "pod0")
	}
	// RDS of the node's kernel would go on calling the pod once the pod has called: what is counted is what the pod begins.
	p.run(p.Node, `nft 'add table inet quiet; add chain inet quiet in { type filter hook input priority 0; }; add rule inet quiet in tcp dport 16385 drop'`)
	p.watches = append(p.watches, newWatch(t, p.Node, "pod0", "behind the node's end of the link"))
	return p
}

// sweep removes control groups of containers that the runtime, in slow emulation, has not deleted.
func (p *pod) sweep() {
	left, err := filepath.Glob(filepath.Join(p.cgroup.Dir, "*", "cgroup.kill"))
	require.NoError(p.t, err)
	for _, file := range left {
		_ = os.WriteFile(file, []byte("1"), 0o600) // or the runtime has removed it by now
		dir := filepath.Dir(file)
		kit.Cgroup{Path: filepath.Join(p.cgroup.Path, filepath.Base(dir)), Dir: dir}.Remove(p.t)
	}
}

// bridge makes the pod's link a port of a bridge of the node, and another pod a second one.
func (p *pod) bridge() {
	p.t.Helper()
	other := kit.NewNamespace(p.t)
	require.NoError(p.t, other.Do(func() error {
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "other0", PeerNamespace: netlink.NsPid(p.node.PID())})
	}))
	p.run(p.Node, `ip link add br0 address 02:00:00:00:00:01 type bridge
for a in 203.0.113.1/24 2001:db8::1/64; do ip address del $a dev pod0; ip address add $a dev br0 nodad; done
for l in pod0 other0; do ip link set $l master br0; done
for l in br0 other0; do ip link set $l up; done`)
	p.run(other, `ip address add 203.0.113.3/24 dev eth0; ip link set eth0 up`)
	p.peer = linkAddress(p.t, other, "eth0")
	p.watches = append(p.watches, newWatch(p.t, other, "eth0", "in another pod"))
}

func (p *pod) run(ns *netns.Namespace, script string) {
	p.t.Helper()
	require.NoError(p.t, ns.Do(func() error {
		out, err := exec.Command("sh", "-ec", script).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}))
}

func linkAddress(t *testing.T, ns *netns.Namespace, name string) (mac string) {
	t.Helper()
	require.NoError(t, ns.Do(func() error {
		link, err := netlink.LinkByName(name)
		if err == nil {
			mac = link.Attrs().HardwareAddr.String()
		}
		return err
	}))
	return mac
}

// network is the path of the pod's network namespace.
func (p *pod) network() string { return fmt.Sprintf("/proc/%d/ns/net", p.inside.PID()) }

// enforce has the agent's writer write the rules.
func (p *pod) enforce(b xtables.Backend) {
	p.t.Helper()
	desired := redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{Cgroup: p.proxy.Path, Pod: p.cgroup.Path})
	_, err := dataplane.New(b).Enforce(context.Background(), p.NS, desired)
	require.NoError(p.t, err)
}

// aims are the targets of both families.
func (p *pod) aims() []attack.Aim {
	aim := func(far, near, pod netip.Addr) attack.Aim {
		return attack.Aim{
			Far: far, Near: near, Door: 80, Pod: pod, Open: netip.AddrPortFrom(far, 80), Hello: strings.Repeat("\x00", 8),
			Proxy: uint32(apis.ProxyUID), Peer: p.peer,
		}
	}
	return []attack.Aim{aim(kit.FarV4(), kit.NodeV4(), kit.PodV4()), aim(kit.FarV6(), kit.NodeV6(), kit.PodV6())}
}
