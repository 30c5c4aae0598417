//go:build kernel

package kernel_test

import (
	"encoding/binary"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

// deaf is a port outside at which the proxy's calls get no answer.
const deaf = 7

// Somebody outside, who works with the tenant, lets a call of the proxy go without an answer. The proxy gives up; conntrack
// keeps the connection with its mark for two minutes more, and longer if it is reminded. These addresses and ports are
// of no use to the tenant. Conntrack's own look at sequence numbers is turned off: the kernel chooses them by the clock, which
// comes round every 275 seconds, so that it stops only those who do not wait.
func TestACallOfTheProxyThatWasNeverAnswered(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		require.NoError(t, w.NS.Do(func() error {
			kit.Sysctl(t, "net/netfilter/nf_conntrack_tcp_be_liberal", "1")
			return nil
		}))
		for i, who := range []struct {
			name      string
			actor     *kit.Actor
			multipath bool
		}{
			{"root", w.app, false}, {"root, by MPTCP", w.app, true},
			{"the proxy's user", w.thief(t), false}, {"the proxy's user, by MPTCP", w.thief(t), true},
		} {
			t.Run("does not let the tenant call: "+who.name, func(t *testing.T) {
				call := tcp(w.unanswered(t, f, 41000+uint16(i)))
				call.To, call.From, call.Multipath = at(f.node, deaf), call.To, who.multipath
				_, err := who.actor.Dial(short(call))
				require.Error(t, err)
				w.requireNothingLeft(t)
			})
			t.Run("does not let the tenant be called: "+who.name, func(t *testing.T) {
				from := w.unanswered(t, f, 42000+uint16(i))
				id := w.listen(who.actor, kit.Listen{Network: "tcp", At: from, Multipath: who.multipath})
				defer who.actor.StopListening(id)
				call := tcp(from)
				call.From = at(f.node, deaf)
				_, err := w.node.Dial(short(call))
				require.ErrorContains(t, err, "timeout")
				require.Empty(t, who.actor.Accepted(id))
				w.requireNothingLeft(t)
			})
		}
		t.Run("does not let the tenant be answered", func(t *testing.T) {
			call := tcp(w.unanswered(t, f, 43000))
			call.To, call.From = at(f.node, deaf), call.To
			w.requireCounted(t, f, "ds-in-impostor", func() {
				answer := make([]byte, 20)
				binary.BigEndian.PutUint16(answer, deaf)
				binary.BigEndian.PutUint16(answer[2:], call.From.Port())
				answer[12], answer[13] = 5<<4, byte(kit.SYN|kit.ACK)
				binary.BigEndian.PutUint16(answer[16:], checksum(f.node, f.pod, 6, answer))
				soon := time.AfterFunc(100*time.Millisecond, func() { _ = w.node.SendRaw(kit.Raw{To: f.pod, Protocol: 6, Payload: answer}) })
				defer soon.Stop()
				_, err := w.app.Dial(short(call))
				require.ErrorContains(t, err, "timeout")
			})
			w.requireNothingLeft(t)
		})
	})
}

// unanswered has the proxy call from a port until it gives up.
func (w *world) unanswered(t *testing.T, f family, port uint16) netip.AddrPort {
	t.Helper()
	program := map[bool]string{false: "iptables-nft", true: "ip6tables-nft"}[f.far.Is6()]
	silence := func(operation string) {
		t.Helper()
		require.NoError(t, w.Node.Do(func() error {
			return exec.Command(program, operation, "INPUT", "-p", "tcp", "--dport", strconv.Itoa(deaf), "-j", "DROP").Run()
		}))
	}
	silence("-A")
	call := short(tcp(at(f.node, deaf)))
	call.From = at(f.pod, port)
	_, err := w.proxy.Dial(call)
	require.ErrorContains(t, err, "timeout")
	silence("-D")
	time.Sleep(50 * time.Millisecond)
	w.wire.Take()
	return call.From
}

// While the proxy is down, its user can listen on its port, and the kernel answers a call with that socket's headers: in IPv6 a
// routing header of the socket's choice, which takes no capability. It is not sent.
func TestHeadersOfWhoTakesThePortOfTheProxy(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(string(b), func(t *testing.T) {
			t.Parallel()
			w, f := newWorld(t, b), families()[1]
			require.NoError(t, w.proxy.StopListening(w.ingress[0]))
			// Segment routing (RFC 8754): the caller is next, and an address that is no address has been passed.
			route := "\x00\x04\x04\x00\x01\x00\x00\x00" + string(f.node.AsSlice()) + secret + "......"
			w.listen(w.thief(t), kit.Listen{Network: "tcp", At: at(f.outer, apis.PortIngressTCP), Route: []byte(route), Hold: true})
			answered := func() bool {
				t.Helper()
				w.wire.Take()
				_, _ = w.node.Dial(short(tcp(at(f.pod, 80)))) // whether it is answered is seen on the wire
				return slices.ContainsFunc(w.wire.Left(), func(p kit.Packet) bool { return strings.Contains(string(p.Payload), secret) })
			}
			require.False(t, answered())
			desired := w.bound()
			for i := range desired {
				desired[i] = desired[i].Edit(func(table, chain string, r iptables.Rule) iptables.Rule {
					r = withoutMark(table, chain, r) // it keeps such answers back, too
					return withAnyLength(r)
				})
			}
			w.enforce(desired)
			require.True(t, answered(), "or the look at the length is not needed")
		})
	}
}
