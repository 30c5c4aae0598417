package netpol_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/netpolicy"
	"data-space.liqo.io/test/netpol/interpreter"
	"data-space.liqo.io/test/netpol/oracle"
	"data-space.liqo.io/test/netpol/worlds"
)

// change is the event as the index takes it.
func change(t *testing.T, e worlds.Event) netpol.Change {
	t.Helper()
	switch {
	case e.Pod != nil && e.Gone:
		return netpol.PodGone{Key: netpolicy.Key{Namespace: e.Pod.Namespace, Name: e.Pod.Name}}
	case e.Pod != nil:
		return netpol.PodSeen{Pod: netpolicy.PodOf(e.Pod)}
	case e.Namespace != nil && e.Gone:
		return netpol.NamespaceGone{Name: e.Namespace.Name}
	case e.Namespace != nil:
		return netpol.NamespaceSeen{Namespace: netpolicy.Namespace{Name: e.Namespace.Name, Labels: e.Namespace.Labels}}
	case e.Gone:
		return netpol.PolicyGone{Key: netpolicy.Key{Namespace: e.Policy.Namespace, Name: e.Policy.Name}}
	}
	p, problems := netpolicy.PolicyOf(e.Policy)
	require.Empty(t, problems)
	return netpol.PolicySeen{Policy: p}
}

func changes(t *testing.T, events []worlds.Event) []netpol.Change {
	t.Helper()
	out := make([]netpol.Change, len(events))
	for i, e := range events {
		out[i] = change(t, e)
	}
	return out
}

func settings() netpol.Settings {
	return netpol.Settings{Node: worlds.Node, IPv6: true, LeafPods: 2}
}

// kernel plays the kernel: it holds what deltas write.
type kernel struct {
	t      *testing.T
	sets   map[string]ipset.Set
	chains map[iptables.Family]map[string][]iptables.Rule
}

func newKernel(t *testing.T, states []netpol.State) *kernel {
	t.Helper()
	k := &kernel{t: t, sets: map[string]ipset.Set{}, chains: map[iptables.Family]map[string][]iptables.Rule{}}
	for _, s := range states {
		for _, set := range s.Sets {
			k.sets[set.Name] = set
		}
		k.chains[s.Family] = map[string][]iptables.Rule{}
		for _, c := range s.Chains {
			k.chains[s.Family][c.Name] = c.Rules
		}
	}
	return k
}

// apply writes the delta as the kernel would take it, and fails where the kernel would refuse. After each step it looks.
func (k *kernel) apply(d netpol.Delta, look func()) {
	for _, op := range d.Before {
		k.set(op)
		look()
	}
	for _, c := range d.Chains {
		for _, chain := range c.Changed {
			k.chains[c.Family][chain.Name] = chain.Rules
		}
		for _, name := range c.Gone {
			require.Contains(k.t, k.chains[c.Family], name)
			delete(k.chains[c.Family], name)
		}
		k.complete(c.Family)
		look()
	}
	for _, op := range d.After {
		k.set(op)
		look()
	}
}

func (k *kernel) set(op ipset.Op) {
	s, there := k.sets[op.Set]
	switch op.Verb {
	case ipset.Create:
		require.False(k.t, there, "%s is there already", op.Set)
		require.LessOrEqual(k.t, len(op.Set), ipset.MaxName)
		k.sets[op.Set] = ipset.Set{Name: op.Set, Type: op.Type, Family: op.Family}
	case ipset.Destroy:
		require.True(k.t, there, op.Set)
		for _, chains := range k.chains {
			for name, rules := range chains {
				for _, r := range rules {
					require.NotContains(k.t, r.Args, op.Set, "%s still uses the set", name)
				}
			}
		}
		delete(k.sets, op.Set)
	case ipset.Add:
		require.True(k.t, there, op.Set)
		require.Equal(k.t, s.Family, op.Entry.Family())
		require.NotContains(k.t, s.Entries, op.Entry)
		s.Entries = append(s.Entries[:len(s.Entries):len(s.Entries)], op.Entry)
		k.sets[op.Set] = s
	case ipset.Del:
		require.Contains(k.t, s.Entries, op.Entry)
		var left []ipset.Entry
		for _, e := range s.Entries {
			if e != op.Entry {
				left = append(left, e)
			}
		}
		s.Entries = left
		k.sets[op.Set] = s
	}
}

// complete checks that every chain and set that a rule names is there.
func (k *kernel) complete(f iptables.Family) {
	for name, rules := range k.chains[f] {
		for _, r := range rules {
			for i, word := range r.Args {
				switch {
				case strings.HasPrefix(word, netpol.ChainPrefix):
					require.Contains(k.t, k.chains[f], word, "called by %s", name)
				case word == "--match-set":
					require.Contains(k.t, k.sets, r.Args[i+1], "used by %s", name)
				}
			}
		}
	}
}

func (k *kernel) table(f iptables.Family) interpreter.Table {
	var chains []iptables.Chain
	for name, rules := range k.chains[f] {
		chains = append(chains, iptables.Chain{Name: name, Rules: rules})
	}
	var sets []ipset.Set
	for _, s := range k.sets {
		sets = append(sets, s)
	}
	return interpreter.New(chains, sets)
}

func (k *kernel) tables() map[iptables.Family]interpreter.Table {
	return map[iptables.Family]interpreter.Table{iptables.V4: k.table(iptables.V4), iptables.V6: k.table(iptables.V6)}
}

func (k *kernel) states() string {
	var b strings.Builder
	for f, chains := range k.chains {
		for name, rules := range chains {
			for _, r := range rules {
				fmt.Fprintf(&b, "%s -A %s %s\n", f, name, r)
			}
		}
	}
	return b.String()
}

// packets are all pairs of slots (and two addresses outside) on a few ports and protocols.
func packets() []oracle.Packet {
	var out []oracle.Packet
	for from := range worlds.LocalSlots + worlds.RemoteSlots + 2 {
		for to := range worlds.LocalSlots + worlds.RemoteSlots + 2 {
			if from >= worlds.LocalSlots && to >= worlds.LocalSlots {
				continue
			}
			for i, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP, "ICMP"} {
				port := []int32{80, 81, 8080, 90}[(from*3+to+i)%4]
				if protocol == "ICMP" {
					port = 0
				}
				out = append(out,
					oracle.Packet{From: worlds.Address4(from), To: worlds.Address4(to), Protocol: protocol, Port: port},
					oracle.Packet{From: worlds.Address6(from), To: worlds.Address6(to), Protocol: protocol, Port: port})
			}
		}
	}
	return out
}

func family(p oracle.Packet) iptables.Family {
	if p.From.Is4() {
		return iptables.V4
	}
	return iptables.V6
}

func interpret(t *testing.T, tables map[iptables.Family]interpreter.Table, p oracle.Packet) (bool, interpreter.Outcome) {
	t.Helper()
	o, err := tables[family(p)].Run("DS-NP-FORWARD", interpreter.Packet{
		From: p.From, To: p.To, Protocol: strings.ToLower(string(p.Protocol)), Port: uint16(p.Port)})
	require.NoError(t, err)
	return o.Verdict == "RETURN", o
}

func judge(x *netpol.Index, p oracle.Packet) netpol.Verdict {
	return x.Explain(packet(p))
}

func packet(p oracle.Packet) netpol.Packet {
	return netpol.Packet{From: p.From, To: p.To, Protocol: netpolicy.Protocol(strings.ToLower(string(p.Protocol))), Port: uint16(p.Port), Node: p.Node}
}

// count is how many worlds to try; another number with NETPOL_WORLDS set.
func count(t *testing.T, otherwise int) uint64 {
	t.Helper()
	if n, err := strconv.ParseUint(os.Getenv("NETPOL_WORLDS"), 10, 32); err == nil {
		return n
	}
	return uint64(otherwise)
}

// some are every nth of the packets, others for each world.
func some(all []oracle.Packet, n, from uint64) []oracle.Packet {
	var out []oracle.Packet
	for i := from % n; i < uint64(len(all)); i += n {
		out = append(out, all[i])
	}
	return out
}

func TestGeneratedWorldsAreJudgedAsTheAPISays(t *testing.T) {
	all := packets()
	for seed := range count(t, 2000) {
		w := worlds.New(seed)
		x := netpol.New(settings())
		k := newKernel(t, x.State())
		k.apply(x.Apply(changes(t, w.Events())...), func() {})
		for step := range uint64(5) {
			if step > 0 {
				k.apply(x.Apply(change(t, w.Mutate())), func() {})
			}
			tables := k.tables()
			for _, p := range some(all, 17, seed*5+step) {
				want := w.Allowed(worlds.Node, p)
				got, outcome := interpret(t, tables, p)
				if got != want {
					t.Fatalf("seed %d step %d: %+v: oracle %t, rules %t by %v; %s\n%s", seed, step, p, want, got, outcome.Path, judge(x, p), k.states())
				}
				if fast := x.Allowed(packet(p)); fast != want || judge(x, p).Allowed != want {
					t.Fatalf("seed %d step %d: %+v: oracle %t, Allowed %t, %s", seed, step, p, want, fast, judge(x, p))
				}
			}
		}
	}
}

func TestWhileAChangeIsWrittenNothingPassesThatNeitherWorldAllowsNorIsRefusedWhatBothAllow(t *testing.T) {
	all := packets()
	for seed := range count(t, 400) {
		w := worlds.New(seed)
		x := netpol.New(settings())
		x.Apply(changes(t, w.Events())...)
		k := newKernel(t, x.State())
		for step := range uint64(8) {
			before := slices.Clone(w.Pods)
			world := oracle.World{Pods: before, Namespaces: slices.Clone(w.Namespaces), Policies: slices.Clone(w.Policies)}
			next := w.Relabel
			if step%4 == 0 {
				next = w.Mutate
			}
			event := next()
			sample := concerned(all, event, seed+step)
			old := verdicts(world, sample)
			now := verdicts(w.World, sample)
			k.apply(x.Apply(change(t, event)), func() {
				tables := k.tables()
				for i, p := range sample {
					if old[i] != now[i] {
						continue
					}
					if got, outcome := interpret(t, tables, p); got != now[i] {
						t.Fatalf("seed %d step %d: %+v: %t before and after, %t between by %v", seed, step, p, now[i], got, outcome.Path)
					}
				}
			})
		}
	}
}

func verdicts(w oracle.World, packets []oracle.Packet) []bool {
	out := make([]bool, len(packets))
	for i, p := range packets {
		out[i] = w.Allowed(worlds.Node, p)
	}
	return out
}

// concerned are the packets that the event is likely to be about.
func concerned(all []oracle.Packet, e worlds.Event, from uint64) []oracle.Packet {
	if e.Pod == nil {
		return some(all, 13, from)
	}
	var out []oracle.Packet
	for _, p := range all {
		for _, ip := range netpolicy.PodOf(e.Pod).IPs {
			if p.From == ip || p.To == ip {
				out = append(out, p)
			}
		}
	}
	return some(out, 3, from)
}

func TestAnIndexThatFollowedHoldsWhatOneMadeFromScratchHolds(t *testing.T) {
	for seed := range count(t, 300) {
		w := worlds.New(seed)
		x := netpol.New(settings())
		k := newKernel(t, x.State())
		k.apply(x.Apply(changes(t, w.Events())...), func() {})
		for step := range 20 {
			events := []worlds.Event{w.Mutate()}
			for range step % 3 {
				events = append(events, w.Mutate())
			}
			k.apply(x.Apply(changes(t, events)...), func() {})
		}
		require.Equal(t, text(x.State()), k.text(), "seed %d: the deltas lead where State says", seed)
		fresh := netpol.New(settings())
		fresh.Apply(changes(t, w.Events())...)
		require.Equal(t, anyTurn(text(fresh.State())), anyTurn(text(x.State())), "seed %d", seed)
	}
}

// text is all that the states hold, one line each.
func text(states []netpol.State) string {
	var lines []string
	for _, s := range states {
		for _, c := range s.Chains {
			lines = append(lines, fmt.Sprintf("%s :%s", s.Family, c.Name))
			for _, r := range c.Rules {
				lines = append(lines, fmt.Sprintf("%s -A %s %s", s.Family, c.Name, r))
			}
		}
		for _, set := range s.Sets {
			lines = append(lines, setText(set))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func setText(s ipset.Set) string {
	members := make([]string, len(s.Entries))
	for i, e := range s.Entries {
		members[i] = e.String()
	}
	slices.Sort(members)
	return fmt.Sprintf("%s %s %s %v", s.Name, s.Type, s.Family, members)
}

func (k *kernel) text() string {
	var states []netpol.State
	for f, chains := range k.chains {
		s := netpol.State{Family: f}
		for name, rules := range chains {
			s.Chains = append(s.Chains, iptables.Chain{Name: name, Rules: rules})
		}
		states = append(states, s)
	}
	for _, s := range k.sets {
		states[0].Sets = append(states[0].Sets, s)
	}
	return text(states)
}

var turns = regexp.MustCompile(`(ds-np-[pnx][46]-[a-z2-7]{20})-[ab]`)

// anyTurn forgets which of their two names sets bear.
func anyTurn(text string) string {
	lines := strings.Split(turns.ReplaceAllString(text, "$1"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
