package hostlink

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/quarantine"
)

// separator stands in the name of an ingress chain between the sandbox's id and the link's number.
const separator = "."

// ingress is the chain that sees every frame from the pod. The device's number is part of it: another device of that name
// is another pod's.
func ingress(sandbox string, end netlink.Link, view quarantine.Link) chain {
	a := end.Attrs()
	c := newChain(nftables.TableFamilyNetdev, fmt.Sprintf("%s%s%d", sandbox, separator, a.Index), nftables.ChainHookIngress, nftables.ChainPolicyDrop)
	c.Device = a.Name
	c.rules = append(c.rules, verdict(expr.VerdictAccept,
		meta(expr.MetaKeyIIF, expr.CmpOpNeq, binary.NativeEndian.AppendUint32(nil, uint32(a.Index)))...)) //nolint:gosec // positive
	for _, r := range quarantine.Wall(view) {
		var matches []expr.Any
		for _, m := range r.Matches {
			matches = append(matches, match(m)...)
		}
		c.rules = append(c.rules, verdict(expr.VerdictAccept, matches...))
	}
	return c
}

// forward returns the chain that drops forwarded packets between the pod and other hosts. A connection to a port of the node that
// nat sends to the pod has the node's address as its source, but the kubelet did not open it.
func forward(sandbox string, ips []netip.Addr) chain {
	c := newChain(nftables.TableFamilyINet, sandbox, nftables.ChainHookForward, nftables.ChainPolicyAccept)
	for _, ip := range ips {
		family, offsets := byte(unix.NFPROTO_IPV4), []int{12, 16} // source and destination, RFC 791
		if ip.Is6() {
			family, offsets = unix.NFPROTO_IPV6, []int{8, 24} // RFC 8200
		}
		for _, offset := range offsets {
			c.rules = append(c.rules, verdict(expr.VerdictDrop, append(meta(expr.MetaKeyNFPROTO, expr.CmpOpEq, []byte{family}),
				match(quarantine.Match{Base: quarantine.Packet, Offset: offset, Value: ip.AsSlice()})...)...))
		}
	}
	return c
}
