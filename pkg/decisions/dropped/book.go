package dropped

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"data-space.liqo.io/pkg/values/fact"
)

const (
	// mostPlaces is how many places are recorded one by one, of one rule of a pod and at one time.
	mostPlaces = 16
	// mostRules bounds the rules of a pod of which places are kept. The planned ones are fewer.
	mostRules = 16
	// again is after which time there is another fact of the same place.
	again = 10 * time.Minute
)

// Book is what is known of the packets that the rules of one pod dropped. Each rule has its own places, so that a flood of packets to random places
// that one rule drops does not hide what another one drops. The zero value is empty.
type Book struct{ rules map[string]*places }

// places are those of one rule.
type places struct {
	seen   map[Packet]*count
	others count // packets to places for which there is no room
}

// count counts packets since the last fact of them.
type count struct {
	packets  int64
	recorded time.Time // when there was a fact; zero: never
}

// Add counts a packet.
func (b *Book) Add(p Packet) {
	r := b.rules[p.Rule]
	if r == nil {
		if len(b.rules) >= mostRules {
			return
		}
		if b.rules == nil {
			b.rules = map[string]*places{}
		}
		r = &places{seen: map[Packet]*count{}}
		b.rules[p.Rule] = r
	}
	c := r.seen[p]
	switch {
	case c != nil:
	case len(r.seen) < mostPlaces:
		c = &count{}
		r.seen[p] = c
	default:
		c = &r.others
	}
	c.packets++
}

// Facts returns the facts that are due: of each place at once, and again after ten minutes if there were packets. What had none for so long is forgotten.
func (b *Book) Facts(now time.Time) (facts []fact.Fact) {
	for _, name := range slices.Sorted(maps.Keys(b.rules)) {
		r := b.rules[name]
		for _, p := range slices.SortedFunc(maps.Keys(r.seen), Packet.compare) {
			c := r.seen[p]
			if n := c.due(now); n > 0 {
				facts = append(facts, p.fact(n))
			} else if c.idle(now) {
				delete(r.seen, p)
			}
		}
		if n := r.others.due(now); n > 0 {
			facts = append(facts, othersOf(name, n))
		}
		if len(r.seen) == 0 && r.others.packets == 0 {
			delete(b.rules, name)
		}
	}
	return facts
}

// Rest returns the facts of all packets that have none yet, of a pod that has ended.
func (b *Book) Rest(now time.Time) []fact.Fact { return b.Facts(now.Add(again)) }

// Empty reports whether there is nothing to be recorded or remembered.
func (b *Book) Empty() bool { return len(b.rules) == 0 }

// due returns how many packets a fact is to be made of now; 0: none.
func (c *count) due(now time.Time) int64 {
	if c.packets == 0 || !c.recorded.IsZero() && now.Sub(c.recorded) < again {
		return 0
	}
	n := c.packets
	*c = count{recorded: now}
	return n
}

func (c *count) idle(now time.Time) bool { return c.packets == 0 && now.Sub(c.recorded) >= again }

func (p Packet) compare(q Packet) int {
	return cmp.Or(p.Address.Compare(q.Address), cmp.Compare(p.Protocol, q.Protocol), cmp.Compare(p.Port, q.Port))
}

// fact is the fact of packets to, or from, one place.
func (p Packet) fact(packets int64) fact.Fact {
	details := map[string]string{"direction": "egress", "protocol": p.protocol(), "address": p.Address.String()}
	to, at := p.Address.String(), ""
	if p.Port != 0 {
		details["port"] = strconv.Itoa(int(p.Port))
		to, at = netip.AddrPortFrom(p.Address, p.Port).String(), " to port "+details["port"]
	}
	text := "packets to " + to
	if p.incoming() {
		details["direction"], text = "ingress", "packets from "+p.Address.String()+at
	}
	return fact.Fact{Kind: fact.DestinationDropped, Reason: p.Rule, Count: packets, Details: details, Message: fmt.Sprintf("%s (%s) were dropped", text, p.protocol())}
}

// othersOf is the fact of packets that have no fact of their own.
func othersOf(rule string, packets int64) fact.Fact {
	return fact.Fact{
		Kind: fact.DestinationDropped, Reason: rule, Count: packets,
		Message: fmt.Sprintf("packets of more than %d places were dropped; those of the others are counted together", mostPlaces),
	}
}
