package hostlink

import (
	"fmt"
	"reflect"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/netns"
)

// Names of our tables: walls have one of family netdev, for what comes from pods, and one of inet, for what the node
// forwards; filters have one of netdev on the node and one in each pod.
const (
	table       = "data-space-quarantine"
	FramesTable = "data-space-frames"
)

// first stands before all others.
const first nftables.ChainPriority = -10000

func families() []nftables.TableFamily {
	return []nftables.TableFamily{nftables.TableFamilyNetdev, nftables.TableFamilyINet}
}

func ours(family nftables.TableFamily) *nftables.Table {
	return &nftables.Table{Name: table, Family: family}
}

// chain is a chain of ours, whole: the expressions of its rules.
type chain struct {
	nftables.Chain
	rules [][]expr.Any
}

func newChain(family nftables.TableFamily, name string, hook *nftables.ChainHook, policy nftables.ChainPolicy) chain {
	return chain{Chain: nftables.Chain{
		Name: name, Table: ours(family), Type: nftables.ChainTypeFilter, Hooknum: hook,
		Priority: nftables.ChainPriorityRef(first), Policy: &policy,
	}}
}

// put replaces the chain, or makes it.
func (c chain) put(to *nftables.Conn) {
	to.AddTable(c.Table)
	to.AddChain(&c.Chain)
	to.FlushChain(&c.Chain)
	for _, r := range c.rules {
		to.AddRule(&nftables.Rule{Table: c.Table, Chain: &c.Chain, Exprs: r})
	}
}

// same reports whether two chains hold the same rules.
func (c chain) same(other chain) bool { return reflect.DeepEqual(c.rules, other.rules) }

func remove(from *nftables.Conn, c *nftables.Chain) {
	from.FlushChain(c)
	from.DelChain(c)
}

// verdict is a rule: what is done with a packet that matches all.
func verdict(kind expr.VerdictKind, matches ...expr.Any) []expr.Any {
	return append(matches, &expr.Verdict{Kind: kind})
}

const register = 1

// meta matches what the kernel knows of a packet.
func meta(key expr.MetaKey, op expr.CmpOp, value []byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: register}, &expr.Cmp{Op: op, Register: register, Data: value}}
}

// match is a match of a quarantine rule.
func match(m quarantine.Match) []expr.Any {
	base := map[quarantine.Base]expr.PayloadBase{quarantine.Frame: expr.PayloadBaseLLHeader, quarantine.Packet: expr.PayloadBaseNetworkHeader}[m.Base]
	op := map[quarantine.Relation]expr.CmpOp{quarantine.Equal: expr.CmpOpEq, quarantine.AtLeast: expr.CmpOpGte, quarantine.AtMost: expr.CmpOpLte}[m.Relation]
	size := uint32(len(m.Value))                                                                              //nolint:gosec // at most 16
	out := []expr.Any{&expr.Payload{DestRegister: register, Base: base, Offset: uint32(m.Offset), Len: size}} //nolint:gosec // at most 80
	if m.Mask != nil {
		out = append(out, &expr.Bitwise{SourceRegister: register, DestRegister: register, Len: size, Mask: m.Mask, Xor: make([]byte, size)})
	}
	return append(out, &expr.Cmp{Op: op, Register: register, Data: m.Value})
}

// within runs f with a connection to the namespace's nftables. What f asks for is one transaction: all of it holds, or none.
func within(ns *netns.Namespace, f func(*nftables.Conn) error) error {
	return ns.Do(func() error {
		conn, err := nftables.New()
		if err == nil {
			err = f(conn)
		}
		if err == nil {
			err = conn.Flush()
		}
		if err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		return nil
	})
}

// chains lists the walls' chains of a family.
func chains(ns *netns.Namespace, family nftables.TableFamily) ([]*nftables.Chain, error) {
	return chainsOf(ns, table, family)
}

// chainsOf lists the chains of a table.
func chainsOf(ns *netns.Namespace, table string, family nftables.TableFamily) (all []*nftables.Chain, err error) {
	err = within(ns, func(conn *nftables.Conn) error {
		found, err := conn.ListChainsOfTableFamily(family)
		for _, c := range found {
			if c.Table.Name == table {
				all = append(all, c)
			}
		}
		return err
	})
	return all, err
}

// held returns the state of an own chain in the kernel: its policy and the handles of its rules. A rule that is written again has
// a new handle. It returns nil if there is no such chain.
func held(ns *netns.Namespace, c chain) (marks []uint64, err error) {
	all, err := chains(ns, c.Table.Family)
	for _, there := range all {
		if there.Name != c.Name || there.Policy == nil {
			continue
		}
		marks = append(marks, uint64(*there.Policy))
		err = within(ns, func(conn *nftables.Conn) error {
			rules, err := conn.GetRules(there.Table, there)
			for _, r := range rules {
				marks = append(marks, r.Handle)
			}
			return err
		})
	}
	return marks, err
}
