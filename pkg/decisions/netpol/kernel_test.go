package netpol_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/ipset"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/netpol/interpreter"
)

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
					if slices.Contains(r.Words(), op.Set) {
						k.t.Fatalf("%s still uses the set %s", name, op.Set)
					}
				}
			}
		}
		delete(k.sets, op.Set)
	case ipset.Add:
		require.True(k.t, there, op.Set)
		require.Equal(k.t, s.Family, op.Entry.Family())
		require.False(k.t, slices.Contains(s.Entries, op.Entry), "%s is there already", op)
		s.Entries = append(s.Entries[:len(s.Entries):len(s.Entries)], op.Entry)
		k.sets[op.Set] = s
	case ipset.Del:
		i := slices.Index(s.Entries, op.Entry)
		require.GreaterOrEqual(k.t, i, 0, "%s is not there", op)
		s.Entries = slices.Delete(slices.Clone(s.Entries), i, i+1)
		k.sets[op.Set] = s
	}
}

// complete checks that every chain and set that a rule names is there.
func (k *kernel) complete(f iptables.Family) {
	for name, rules := range k.chains[f] {
		for _, r := range rules {
			words := r.Words()
			for i, word := range words {
				_, chain := k.chains[f][word]
				if strings.HasPrefix(word, netpol.ChainPrefix) && !chain {
					k.t.Fatalf("%s is not there, called by %s", word, name)
				}
				if word != "--match-set" {
					continue
				}
				if _, there := k.sets[words[i+1]]; !there {
					k.t.Fatalf("%s is not there, used by %s", words[i+1], name)
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
