package xtables

import (
	"data-space.liqo.io/pkg/values/iptables"
)

// Backend is the kernel interface that the iptables programs use: a node should see one of them only.
type Backend string

// The backends, by the names of their programs (xtables-nft(8), xtables-legacy(8)).
const (
	NFT    Backend = "nft"
	Legacy Backend = "legacy"
)

// Program returns the name of the backend's program for a family; verb is "restore", "save" or "".
func (b Backend) Program(f iptables.Family, verb string) string {
	name := "iptables-" + string(b)
	if f == iptables.V6 {
		name = "ip6tables-" + string(b)
	}
	if verb == "" {
		return name
	}
	return name + "-" + verb
}
