package controller

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

// lookupTimeout bounds one look-up.
const lookupTimeout = 3 * time.Second

// lookup returns the addresses of a host's name, none if it has none.
type lookup func(ctx context.Context, name string) ([]netip.Addr, error)

// newLookup asks a server (host:port), or without one those of the controller's own pod.
func newLookup(server string) lookup {
	r := &net.Resolver{PreferGo: true}
	if server != "" {
		r.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server)
		}
	}
	return func(ctx context.Context, name string) ([]netip.Addr, error) {
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		found, err := r.LookupNetIP(ctx, "ip", name+".")
		if failed := (*net.DNSError)(nil); errors.As(err, &failed) && failed.IsNotFound {
			return nil, nil
		}
		return found, err
	}
}

// lookupProblem returns the reason of a failed look-up. Equal reasons have equal texts.
func lookupProblem(err error) string {
	if failed := (*net.DNSError)(nil); errors.As(err, &failed) && failed.IsTimeout {
		return "the DNS server did not answer; what was open stays open"
	}
	return "the DNS server could not answer; what was open stays open, and the log of the controller has the error"
}
