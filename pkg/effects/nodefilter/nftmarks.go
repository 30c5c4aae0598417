package nodefilter

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"data-space.liqo.io/pkg/decisions/netpol"
)

// maxChains is how many chains of other programs are read: a kube-proxy of many Services has some per Service.
const maxChains = 20000

var errManyChains = fmt.Errorf("there are more than %d chains; the others are not read", maxChains)

// nativeMarks are the rules in nftables tables that programs keep of their own, without the iptables programs.
func (f *Filter) nativeMarks(ctx context.Context, marks uint32) (out []netpol.MarkUse, err error) {
	err = f.node.Do(func() error {
		conn, err := nftables.New(nftables.AsLasting())
		if err != nil {
			return err
		}
		defer func() { _ = conn.CloseLasting() }()
		chains, err := conn.ListChains()
		if err != nil {
			return err
		}
		chains = slices.DeleteFunc(chains, func(c *nftables.Chain) bool { return !native(c.Table) })
		for _, c := range chains[:min(maxChains, len(chains))] {
			uses, err := chainMarks(conn, c, marks)
			if err = cmp.Or(err, ctx.Err()); err != nil {
				return fmt.Errorf("table %s, chain %s: %w", c.Table.Name, c.Name, err)
			}
			out = append(out, uses...)
		}
		if len(chains) > maxChains {
			return errManyChains
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("nftables: %w", err)
	}
	return out, err
}

// chainMarks are the rules of one chain.
func chainMarks(conn *nftables.Conn, c *nftables.Chain, marks uint32) ([]netpol.MarkUse, error) {
	rules, err := conn.GetRules(c.Table, c)
	var out []netpol.MarkUse
	for _, r := range rules {
		if mark := usedByRule(r.Exprs, marks); mark != "" {
			out = append(out, netpol.MarkUse{Where: "nftables " + familyName(c.Table.Family) + " " + c.Table.Name,
				Rule: fmt.Sprintf("chain %s, handle %d", c.Name, r.Handle), Mark: mark})
		}
	}
	return out, err
}

// native reports whether a table is neither one of the iptables programs, whose rules their own save shows, nor ours.
func native(t *nftables.Table) bool {
	if strings.HasPrefix(t.Name, "data-space-") {
		return false
	}
	ip := t.Family == nftables.TableFamilyIPv4 || t.Family == nftables.TableFamilyIPv6
	return !ip || !slices.Contains([]string{"filter", "nat", "mangle", "raw", "security"}, t.Name)
}

func familyName(f nftables.TableFamily) string {
	names := map[nftables.TableFamily]string{nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet",
		nftables.TableFamilyBridge: "bridge", nftables.TableFamilyNetdev: "netdev", nftables.TableFamilyARP: "arp"}
	return names[f]
}

// content is what a register of a rule holds: (the packet's mark & mask) ^ value.
type content struct {
	known       bool
	mask, value uint32
}

// registers follow the packet's mark through the expressions of a rule.
type registers map[uint32]content

// usedByRule is the value and mask that a rule matches or sets in our marks; "" if none. As with iptables, a value in which
// these bits are zero is not one, nor is the mark of a connection.
func usedByRule(rule []expr.Any, marks uint32) string {
	r := registers{}
	for _, e := range rule {
		value, mask := r.step(e)
		if value&mask&marks != 0 {
			return fmt.Sprintf("%#x/%#x", value, mask)
		}
	}
	return ""
}

// all is every bit of a mark.
const all = 1<<32 - 1

// step returns the value and mask that an expression compares the mark with, or sets it to.
func (r registers) step(e expr.Any) (value, mask uint32) {
	switch e := e.(type) {
	case *expr.Meta:
		return r.meta(e)
	case *expr.Immediate:
		r[e.Register] = content{known: len(e.Data) >= 4, value: word(e.Data)}
	case *expr.Bitwise:
		c := r[e.SourceRegister]
		r[e.DestRegister] = content{known: c.known && len(e.Mask) == 4, mask: c.mask & word(e.Mask), value: c.value&word(e.Mask) ^ word(e.Xor)}
	case *expr.Cmp:
		c := r[e.Register]
		if e.Op == expr.CmpOpEq || e.Op == expr.CmpOpNeq {
			return word(e.Data) ^ c.value, c.mask
		}
		return all, c.mask
	case *expr.Range:
		return all, r[e.Register].mask
	case *expr.Lookup:
		mask = r[e.SourceRegister].mask
		delete(r, e.DestRegister)
		return all, mask
	case *expr.Ct:
		delete(r, e.Register)
	case *expr.Payload:
		delete(r, e.DestRegister)
	}
	return 0, 0
}

// meta follows a rule that loads the mark, sets it, or loads something else.
func (r registers) meta(e *expr.Meta) (value, mask uint32) {
	c := r[e.Register]
	switch {
	case e.SourceRegister && e.Key == expr.MetaKeyMARK && c.known:
		return c.value, ^c.mask | c.value
	case e.SourceRegister:
	case e.Key == expr.MetaKeyMARK:
		r[e.Register] = content{known: true, mask: all}
	default:
		delete(r, e.Register)
	}
	return 0, 0
}

// word is a mark as the kernel holds it; 0 for what is not one.
func word(data []byte) uint32 {
	if len(data) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(data)
}
