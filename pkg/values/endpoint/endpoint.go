// Package endpoint holds the identity of a foreign pod of this node: its name, UID, guest and addresses.
package endpoint

import "net/netip"

// Endpoint is one pod of this node.
type Endpoint struct {
	Namespace, Name, UID string
	Guest                string       // cluster id of the guest that it belongs to
	IPs                  []netip.Addr // at most one of each family
}

// String is how messages name the endpoint.
func (e Endpoint) String() string { return e.Namespace + "/" + e.Name }
