package metricsauth

import (
	"net"
	"net/netip"
)

// Needed reports whether an address can be reached from other machines, so that its metrics are served by Guarded only. Processes of the
// same machine, or pod, read the others.
func Needed(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err != nil && host != "localhost" || err == nil && !ip.IsLoopback()
}
