package nodepolicy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/decisions/past"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
	"data-space.liqo.io/test/netpol/worlds"
)

// recorder is a node whose log keeps what an agent records of the policies and pods.
type recorder struct {
	t      *testing.T
	node   string
	known  *known
	index  *netpol.Index
	events []happening.Event
}

func newRecorder(t *testing.T, node string) *recorder {
	t.Helper()
	r := &recorder{t: t, node: node, index: netpol.New(netpol.Settings{Node: node, IPv6: true})}
	r.start()
	return r
}

// start begins with an empty memory, as an agent that starts.
func (r *recorder) start() {
	r.known = newKnown(r.node)
	r.record(fact.Fact{Kind: fact.AgentStarted})
}

// record is the way of a fact through a log.
func (r *recorder) record(facts ...fact.Fact) {
	for _, f := range facts {
		f.Time = time.Unix(int64(len(r.events)), 0)
		line, err := fact.Encode(int64(len(r.events)), f)
		require.NoError(r.t, err)
		recorded, err := fact.Decode(line)
		require.NoError(r.t, err)
		e, ok := happening.OfFact(r.node, recorded)
		require.True(r.t, ok)
		r.events = append(r.events, e)
	}
}

// found ends the lists of an agent that starts.
func (r *recorder) found() {
	r.record(r.known.found()...)
	r.record(fact.Fact{Kind: fact.PolicyInForce})
}

func (r *recorder) take(changes ...netpol.Change) {
	for _, c := range changes {
		r.index.Apply(c)
		r.record(r.known.take(c)...)
	}
}

// TestTheLogsHaveTheVerdictOnEachConnection compares the verdict that is built from the facts of two nodes' logs with that of the indexes which decide
// on the nodes, in worlds that change, with lists that are repeated and an agent that starts again.
func TestTheLogsHaveTheVerdictOnEachConnection(t *testing.T) {
	known, refused := 0, 0
	for seed := range uint64(4) {
		w := worlds.New(seed)
		here, there := newRecorder(t, worlds.Node), newRecorder(t, "there")
		for _, r := range []*recorder{here, there} {
			for _, c := range worlds.Changes(t, w.Events()) {
				r.index.Apply(c)
				r.known.take(c)
			}
			r.found()
		}
		for round := range 6 {
			c := worlds.Change(t, w.Mutate())
			here.take(c)
			there.take(c)
			if round == 2 { // it starts again, while a change is missed by its log
				here.start()
				missed := worlds.Change(t, w.Mutate())
				here.index.Apply(missed)
				there.take(missed)
				for _, c := range worlds.Changes(t, w.Events()) {
					here.known.take(c)
				}
				here.found()
			}
			k, n := agree(t, fmt.Sprintf("seed %d, round %d", seed, round), w, here, there)
			known, refused = known+k, refused+n
		}
	}
	require.Greater(t, known, 3_000)
	require.Greater(t, refused, 300)
}

// agree asks about each connection of each pod, and returns how many are known and refused.
func agree(t *testing.T, where string, w *worlds.World, here, there *recorder) (known, refused int) {
	t.Helper()
	record := past.New(time.Unix(1e6, 0))
	for _, e := range append(append([]happening.Event{}, here.events...), there.events...) {
		record.Add(e)
	}
	for _, p := range w.Pods {
		for slot := range worlds.LocalSlots + worlds.RemoteSlots + 1 {
			for i, address := range []netip.Addr{worlds.Address4(slot), worlds.Address6(slot)} {
				q := past.Question{Pod: netpolicy.Key{Namespace: p.Namespace, Name: p.Name}, Other: address, Incoming: (slot+i)%2 == 0,
					Protocol: []netpolicy.Protocol{netpolicy.TCP, netpolicy.UDP}[slot%2], Port: []uint16{80, 81, 8080}[slot%3]}
				own := like(netpolicy.PodOf(p), address)
				if !own.IsValid() {
					continue
				}
				packet := netpol.Packet{From: own, To: address, Protocol: q.Protocol, Port: q.Port}
				if q.Incoming {
					packet.From, packet.To = address, own
				}
				a := record.Judge(q)
				if !a.Known {
					continue
				}
				known++
				want := here.index.Explain(packet).Egress.Allowed && there.index.Explain(packet).Egress.Allowed &&
					here.index.Explain(packet).Ingress.Allowed && there.index.Explain(packet).Ingress.Allowed
				require.Equal(t, want, a.Allowed, "%s: %+v: %s\n%s\n%s", where, packet, strings.Join(a.Lines, "\n"), here.index.Explain(packet), there.index.Explain(packet))
				if !want {
					refused++
				}
			}
		}
	}
	return known, refused
}

// like returns the address of a family; the zero address if the pod has none.
func like(p netpolicy.Pod, other netip.Addr) netip.Addr {
	for _, ip := range p.IPs {
		if p.Judged() && ip.Is4() == other.Is4() {
			return ip
		}
	}
	return netip.Addr{}
}

func TestAListThatIsRepeatedRecordsOnlyWhatDiffers(t *testing.T) {
	k := newKnown("here")
	pod := func(name, node string, ips ...string) netpol.PodSeen {
		p := netpolicy.Pod{Key: netpolicy.Key{Namespace: "x", Name: name}, Node: node, Labels: map[string]string{"app": name}}
		for _, ip := range ips {
			p.IPs = append(p.IPs, netip.MustParseAddr(ip))
		}
		return netpol.PodSeen{Pod: p}
	}
	policy := netpol.PolicySeen{Policy: netpolicy.Policy{Key: netpolicy.Key{Namespace: "x", Name: "np"}, Target: netpolicy.Everything(), Egress: netpolicy.Side{Isolates: true}}}
	space := netpol.NamespaceSeen{Namespace: netpolicy.Namespace{Name: "x", Labels: map[string]string{apis.LabelRemoteCluster: "pharma"}}}
	list := func(all ...netpol.Change) (got []string) {
		for _, kind := range []netpol.Kind{netpol.Pods, netpol.Namespaces, netpol.Policies} {
			k.take(netpol.ListBegins{Kind: kind})
		}
		for _, c := range all {
			for _, f := range k.take(netpol.Listed{Change: c}) {
				got = append(got, string(f.Kind)+" "+f.Reason+" "+f.Subject.Pod)
			}
		}
		for _, kind := range []netpol.Kind{netpol.Pods, netpol.Namespaces, netpol.Policies} {
			for _, f := range k.take(netpol.ListEnds{Kind: kind}) {
				got = append(got, string(f.Kind)+" "+f.Reason+" "+f.Subject.Pod)
			}
		}
		return got
	}
	require.Equal(t, []string{"PodSeen Added a", "PolicyChanged Applied "}, list(space, pod("a", "here", "10.0.0.1"), pod("b", "there", "10.0.0.2"), pod("c", "here"), policy))
	require.Empty(t, list(space, pod("a", "here", "10.0.0.1"), pod("b", "there", "10.0.0.2"), pod("c", "here"), policy), "a list that is repeated")
	require.Equal(t, []string{"PodSeen Added c", "PodSeen Gone a", "PolicyChanged Deleted "}, list(space, pod("c", "here", "10.0.0.3")))
	require.Equal(t, "pharma", k.found()[0].Subject.Guest)
	require.Equal(t, []string{"PodSeen Changed c"}, list(pod("c", "here", "10.0.0.3")), "its namespace was deleted while no watch ran")
	require.Empty(t, k.spaces)
	require.Len(t, k.take(pod("c", "there", "10.0.0.3")), 1, "another pod of its name runs on another node")
	require.Empty(t, k.found())
}
