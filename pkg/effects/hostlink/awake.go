package hostlink

import (
	"github.com/google/nftables"

	"data-space.liqo.io/pkg/effects/netns"
)

// awake clears the flag dormant of a table, and reports whether another program had set it. A dormant table keeps its chains and rules, and the kernel
// does not evaluate them.
func awake(ns *netns.Namespace, t *nftables.Table) (woken bool, err error) {
	err = within(ns, func(conn *nftables.Conn) error {
		all, err := conn.ListTablesOfFamily(t.Family)
		for _, there := range all {
			if there.Name == t.Name && there.Flags != 0 {
				conn.AddTable(t) // which sets no flag
				woken = true
			}
		}
		return err
	})
	return woken, err
}
