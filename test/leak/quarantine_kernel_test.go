//go:build kernel

package leak

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/test/kit"
	"data-space.liqo.io/test/leak/attack"
	"data-space.liqo.io/test/leak/trial"
)

// TestNothingLeaksFromQuarantine: a tenant with CAP_NET_RAW and CAP_NET_ADMIN, whose pod holds no rule at all, gets nothing
// past the node's end of its link, however that is joined to others; and the kubelet's probes are answered all the while.
func TestNothingLeaksFromQuarantine(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func(w *world) *beyond{"routed": routed, "bridged": bridged} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			seen := build(w)
			host, err := hostlink.Open(fmt.Sprintf("/proc/%d/ns/net", w.node.PID()))
			require.NoError(t, err)
			defer host.Close()
			app := kit.NewActor(t, kit.Identity{NS: w.NS, Cgroup: w.app})
			_, err = app.Listen(kit.Listen{Network: "tcp", At: everywhere(8080), Echo: "alive "})
			require.NoError(t, err)
			up := func() hostlink.Standing {
				s, err := host.Up(w.NS, "box", []netip.Addr{kit.PodV4(), kit.PodV6()})
				require.NoError(t, err)
				require.False(t, s.Repaired)
				return s
			}
			raw, tried := w.tenant(unix.CAP_NET_RAW), 0
			attempt := func(tenant *trial.Attacker, aim attack.Aim, by func(attack.Probe) bool) {
				for _, p := range attack.Probes() {
					if p.Means != attack.Walls && by(p) {
						_, err := tenant.Try(attack.Request{Probe: p.Name, Aim: aim})
						require.NoError(t, err, p.Name)
						tried++
					}
				}
			}
			aims := w.trial(raw).Aims
			seen.begin()
			attempt(raw, aims[0], func(p attack.Probe) bool { return p.Means == attack.Frame })
			require.NotEmpty(t, seen.end(), "without a wall")
			tried = 0
			standing := up()
			require.Equal(t, []string{"pod0"}, standing.Walled, "%+v", standing)
			require.ElementsMatch(t, []netip.Addr{kit.NodeV4(), kit.NodeV6()}, standing.From)
			w.alive()

			seen.begin()
			for _, aim := range aims {
				attempt(raw, aim, func(p attack.Probe) bool { return p.Means != attack.None || name == "bridged" })
				up() // as the agent does at every verification: the tenant may have forgotten its node
				w.alive()
			}
			w.FlushNeighbours(t)
			up()
			w.alive()
			admin := w.tenant(unix.CAP_NET_RAW, unix.CAP_NET_ADMIN) // who sets its own link down is not asked any more
			for _, aim := range aims {
				attempt(admin, aim, func(p attack.Probe) bool { return p.Means != attack.Raw })
			}
			time.Sleep(100 * time.Millisecond)
			require.Empty(t, seen.end())
			t.Logf("%d probes, 0 leaks", tried)

			require.NoError(t, host.Down("box"))
			require.Empty(t, host.Standing())
			require.NoError(t, w.Node.Do(func() error {
				out, err := exec.Command("nft", "list", "tables").CombinedOutput()
				require.NotContains(t, string(out), "data-space")
				return err
			}))
		})
	}
}

// alive asks as the kubelet does.
func (w *world) alive() {
	w.t.Helper()
	for _, to := range []netip.Addr{kit.PodV4(), kit.PodV6()} {
		got, err := w.node.Talk(kit.Talk{Dial: kit.Dial{Network: "tcp", To: netip.AddrPortFrom(to, 8080), Timeout: 3 * time.Second}, Send: "ping"})
		require.NoError(w.t, err, "a probe of %s", to)
		require.NotZero(w.t, got.Bytes)
	}
}

// beyond looks behind the node's end of the pod's link.
type beyond struct {
	begin func()
	end   func() []string // what was seen that must not have been
}

// routed: the node routes between the pod and others. What passes the wall is counted before anything is done about it.
func routed(w *world) *beyond {
	behind := w.Behind(w.t, 1500)
	const answer = "ACK" + " " + "ACK" // looked at, and set
	var far frames
	var tap *kit.Tap
	return &beyond{
		begin: func() {
			far.seen = nil
			for restore, discovery := range map[string]string{"iptables-nft-restore": "", "ip6tables-nft-restore": "-A PREROUTING -i pod0 -p icmpv6 -j RETURN\n"} {
				w.in(w.Node, restore, "*raw\n"+discovery+"-A PREROUTING -i pod0 -p tcp -m tcp --tcp-flags "+answer+" --dport 32768:60999 -j RETURN\n"+
					"-A PREROUTING -i pod0 -m comment --comment others\nCOMMIT\n")
			}
			tap = kit.NewTap(w.t, behind, func(_ int, p kit.Packet) { far.add(p.String(), p.Protocol != "arp" && p.Protocol != "icmp6") })
		},
		end: func() []string {
			tap.Stop()
			for _, save := range []string{"iptables-nft-save", "ip6tables-nft-save"} {
				require.NoError(w.t, w.Node.Do(func() error {
					out, err := exec.Command(save, "-c", "-t", "raw").Output()
					for line := range strings.Lines(string(out)) {
						far.add(line, strings.Contains(line, "others") && !strings.HasPrefix(line, "[0:0]"))
					}
					return err
				}))
			}
			return far.seen
		},
	}
}

// bridged: the node's end is a port of a bridge, as another pod's is.
func bridged(w *world) *beyond {
	other := kit.NewNamespace(w.t)
	require.NoError(w.t, other.Do(func() error {
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "other0", PeerNamespace: netlink.NsPid(w.node.PID())})
	}))
	w.in(w.Node, "sh", "", "-ec", `ip link add br0 address 02:00:00:00:00:01 type bridge
for a in 203.0.113.1/24 2001:db8::1/64; do ip address del $a dev pod0; ip address add $a dev br0 nodad; done
for l in pod0 other0; do ip link set $l master br0; done
ip link set other0 addrgenmode none # it says nothing of its own
for l in br0 other0; do ip link set $l up; done`)
	w.in(other, "sh", "", "-ec", `sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ip address add 203.0.113.3/24 dev eth0; ip link set eth0 up`)
	var bridge netlink.Link
	require.NoError(w.t, w.Node.Do(func() (err error) { bridge, err = netlink.LinkByName("br0"); return err }))
	var far frames
	var tap *kit.Tap
	return &beyond{
		begin: func() {
			far.seen = nil
			tap = kit.NewTap(w.t, w.Node, func(link int, p kit.Packet) {
				answer := p.Protocol == "tcp" && p.Flags&kit.ACK != 0 && p.Dst.Port() >= 32768 && (p.Dst.Addr() == kit.NodeV4() || p.Dst.Addr() == kit.NodeV6())
				far.add(p.String(), link == bridge.Attrs().Index && !answer && p.Protocol != "arp" && !p.Discovery())
			})
			w.in(other, "nft", `flush ruleset
table netdev t { chain c { type filter hook ingress device "eth0" priority 0;
ether saddr 02:00:00:00:00:01 ether type arp accept
ether saddr 02:00:00:00:00:01 meta l4proto icmpv6 accept
ether saddr 02:00:00:00:00:01 ip saddr 203.0.113.1 accept
ether saddr 02:00:00:00:00:01 ip6 saddr 2001:db8::1 accept
counter comment "others"
}
}`, "-f", "-")
		},
		end: func() []string {
			tap.Stop()
			require.NoError(w.t, other.Do(func() error {
				out, err := exec.Command("nft", "list", "ruleset").Output()
				far.add(string(out), !strings.Contains(string(out), `counter packets 0 bytes 0 comment "others"`))
				return err
			}))
			return far.seen
		},
	}
}

// frames are what must not be seen.
type frames struct {
	mu   sync.Mutex
	seen []string
}

func (f *frames) add(text string, leak bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if leak {
		f.seen = append(f.seen, text)
	}
}
