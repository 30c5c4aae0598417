package dataplane

import (
	"fmt"

	"github.com/google/nftables"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

// untouched reports whether the namespace has no table of the family at all, as a new one has: then there is nothing to
// save. It asks the kernel and starts no program. False may also mean that it could not tell.
func untouched(b xtables.Backend, ns *netns.Namespace, f iptables.Family) bool {
	none := false
	err := ns.Do(func() (err error) {
		if b == xtables.Legacy {
			none, err = noLegacyTable(f)
		} else {
			none, err = noNftTable(f)
		}
		return err
	})
	return err == nil && none
}

// noLegacyTable reads the names of the tables that exist in the calling thread's network namespace.
func noLegacyTable(f iptables.Family) (bool, error) {
	names, err := legacyTables(f)
	return err == nil && len(names) == 0, err
}

// noNftTable asks for the tables of a family in the calling thread's network namespace.
func noNftTable(f iptables.Family) (bool, error) {
	conn, err := nftables.New()
	if err != nil {
		return false, fmt.Errorf("nftables: %w", err)
	}
	tables, err := conn.ListTablesOfFamily(family(f))
	if err != nil {
		return false, fmt.Errorf("list nftables tables: %w", err)
	}
	return len(tables) == 0, nil
}
