package apis

import "net/netip"

// IngressSourceV4 and IngressSourceV6 return the addresses from which the proxy's ingress calls the pod's applications. They are not
// loopback addresses, which much software trusts, and no interface bears them: the agent routes them to lo.
// They exist in the pod's network namespace only.
func IngressSourceV4() netip.Addr { return netip.AddrFrom4([4]byte{169, 254, 13, 41}) }

// IngressSourceV6 is the one of IPv6, of a unique local prefix (RFC 4193) with a random global ID.
func IngressSourceV6() netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x5a, 2: 0xc3, 3: 0xe1, 4: 0x97, 5: 0x0b, 14: 0x13, 15: 0x41})
}
