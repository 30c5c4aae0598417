package podrules

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/droplog"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/fact"
)

// logged is what is logged in each second, by sandbox. A second begins with what happens before it.
type logged []func() map[string][]droplog.Packet

func (logged) Watch(string, *netns.Namespace) error { return nil }
func (logged) Forget(string)                        {}

func (l logged) Run(_ context.Context, each func(string, droplog.Packet)) {
	for _, second := range l {
		for sandbox, packets := range second() {
			for _, p := range packets {
				each(sandbox, p)
			}
		}
		each("", droplog.Packet{})
	}
}

// kept is a store in memory.
type kept map[string]ledger.Entry

func (k kept) All() map[string]ledger.Entry { return k }
func (k kept) Get(sandbox string) (ledger.Entry, bool) {
	e, known := k[sandbox]
	return e, known
}
func (k kept) Put(e ledger.Entry) error    { k[e.Sandbox] = e; return nil }
func (k kept) Delete(sandbox string) error { delete(k, sandbox); return nil }

// packets are UDP of a rule to so many places.
func packets(rule string, places int) (all []droplog.Packet) {
	for i := range places {
		packet := slices.Concat([]byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 203, 0, 113, byte(i)}, []byte{0, 1, 0, 9, 0, 8, 0, 0})
		all = append(all, droplog.Packet{Prefix: rule, Bytes: packet})
	}
	return all
}

// drops runs a Reconciler with what is logged, and returns its facts by pod.
func drops(t *testing.T, memory kept, l logged, second func(facts int)) map[string][]fact.Fact {
	t.Helper()
	e := New(redirect.Settings{LogDrops: true}, Parts{Store: memory, DropLog: l})
	facts, since := map[string][]fact.Fact{}, 0
	e.NotifyDropped(func(f fact.Fact) { facts[f.Subject.Pod] = append(facts[f.Subject.Pod], f); since++ })
	for i, s := range l {
		l[i] = func() map[string][]droplog.Packet { second(since); since = 0; return s() }
	}
	e.readDropped(t.Context())
	second(since)
	return facts
}

func nothing() map[string][]droplog.Packet { return nil }

// Many pods of a guest flood in the same second: the facts that are made of it in a second are a small part of those that may wait (4,096), and of those
// that all together may be (500); the others are made in the seconds that follow.
func TestPodsThatFloodTogetherFillNoQueueOfFacts(t *testing.T) {
	memory := kept{}
	const pods, rules, places = 100, 4, 20
	flood := map[string][]droplog.Packet{}
	for i := range pods {
		name := fmt.Sprint("pod-", i)
		require.NoError(t, memory.Put(ledger.Entry{Sandbox: name, Name: name, Guest: "pharma"}))
		for r := range rules {
			flood[name] = append(flood[name], packets(fmt.Sprint("ds-out-drop-", r), places)...)
		}
	}
	l := logged{func() map[string][]droplog.Packet { return flood }}
	for range 60 {
		l = append(l, nothing)
	}
	facts := drops(t, memory, l, func(facts int) { require.Less(t, facts, 256) })
	require.Equal(t, pods, len(facts)) //nolint:testifylint // thousands of facts are not to be shown
	for _, of := range facts {
		require.Len(t, of, rules*17)
	}
}

// A guest starts and ends a pod after the other: their books take no room from other pods, and what was not recorded yet is.
func TestPodsThatEndLeaveNoBook(t *testing.T) {
	memory := kept{}
	var l logged
	for i := range mostBooks + 1 {
		name := fmt.Sprint("pod-", i)
		l = append(l, func() map[string][]droplog.Packet {
			require.NoError(t, memory.Put(ledger.Entry{Sandbox: name, Name: name}))
			return map[string][]droplog.Packet{name: packets("ds-out-drop-udp", 1)}
		}, func() map[string][]droplog.Packet {
			return map[string][]droplog.Packet{name: packets("ds-out-drop-udp", 1)} // again, which is due in ten minutes
		}, func() map[string][]droplog.Packet {
			require.NoError(t, memory.Delete(name))
			return nil
		})
	}
	facts := drops(t, memory, l, func(int) {})
	require.Equal(t, mostBooks+1, len(facts)) //nolint:testifylint // thousands of facts are not to be shown
	for _, of := range facts {
		require.Len(t, of, 2)
	}
}
