package podhooks

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

// tables lists what nf_tables holds in the calling thread's network namespace beside what is planned there: other tables, planned ones that
// are dormant, sets in them, and chains in the table of the frame filter that are on no link.
func (h *Hooks) tables() (found []stranger, err error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("nftables: %w", err)
	}
	all, err := conn.ListTables()
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL) {
		return nil, nil // a kernel without nf_tables
	}
	if err != nil {
		return nil, fmt.Errorf("list nftables tables: %w", err)
	}
	for _, t := range all {
		if !h.planned(t) {
			found = append(found, stranger{
				Finding: finding(t, drift.Unexpected, "table of nftables"),
				remove:  func() error { return change(func(c *nftables.Conn) { c.DelTable(t) }) },
			})
			continue
		}
		if t.Flags != 0 {
			found = append(found, stranger{
				Finding: finding(t, drift.Changed, fmt.Sprintf("flags %#x of the table, should be 0: a dormant table filters nothing", t.Flags)),
				remove:  func() error { return change(func(c *nftables.Conn) { c.AddTable(t) }) }, // which sets no flag
			})
		}
		inside, err := within(conn, t)
		if err != nil {
			return found, err
		}
		found = append(found, inside...)
	}
	return found, nil
}

// planned reports whether a table is one that is planned in a pod, by its name. What the tables of iptables hold is compared by others.
func (h *Hooks) planned(t *nftables.Table) bool {
	switch t.Family {
	case nftables.TableFamilyNetdev:
		return t.Name == hostlink.FramesTable
	case nftables.TableFamilyIPv4, nftables.TableFamilyIPv6:
		return h.backend == xtables.NFT && slices.Contains([]string{"filter", "mangle", "nat", "raw", "security"}, t.Name)
	default:
		return false
	}
}

// within lists what a planned table holds that iptables does not show.
func within(conn *nftables.Conn, t *nftables.Table) (found []stranger, err error) {
	sets, err := conn.GetSets(t)
	if err != nil {
		return nil, fmt.Errorf("list the sets of table %s: %w", t.Name, err)
	}
	for _, s := range sets {
		if s.Anonymous {
			continue // it belongs to a rule, which is compared
		}
		found = append(found, stranger{
			Finding: finding(t, drift.Unexpected, "set "+s.Name), remove: func() error { return change(func(c *nftables.Conn) { c.DelSet(s) }) },
		})
	}
	if t.Family != nftables.TableFamilyNetdev {
		return found, nil
	}
	chains, err := conn.ListChainsOfTableFamily(nftables.TableFamilyNetdev)
	if err != nil {
		return found, fmt.Errorf("list the chains of table %s: %w", t.Name, err)
	}
	planned, err := hostlink.PlannedInPod()
	for _, c := range chains {
		if c.Table.Name == t.Name && !slices.Contains(planned, c.Name) {
			found = append(found, stranger{
				Finding: finding(t, drift.Unexpected, "chain "+c.Name),
				remove:  func() error { return change(func(conn *nftables.Conn) { conn.FlushChain(c); conn.DelChain(c) }) },
			})
		}
	}
	return found, err
}

func finding(t *nftables.Table, kind drift.Kind, what string) drift.Finding {
	families := map[nftables.TableFamily]iptables.Family{
		nftables.TableFamilyIPv4: iptables.V4, nftables.TableFamilyIPv6: iptables.V6, nftables.TableFamilyINet: "inet",
		nftables.TableFamilyNetdev: "netdev", nftables.TableFamilyBridge: "bridge", nftables.TableFamilyARP: "arp",
	}
	return drift.Finding{Family: families[t.Family], Kind: kind, Where: t.Name, What: what}
}

// change makes one transaction. What is gone already is no error.
func change(f func(*nftables.Conn)) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	f(conn)
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}
