package hostlink

import (
	"encoding/binary"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"

	"data-space.liqo.io/pkg/decisions/quarantine"
)

// inPodPrefix begins the names of the chains in a pod's namespace, so that both places of a link have names of their own.
const inPodPrefix = "egress"

func frames() *nftables.Table {
	return &nftables.Table{Name: FramesTable, Family: nftables.TableFamilyNetdev}
}

// onNode is the chain that sees every frame which a pod sends, on the node's end of the link. Another device of that name
// is another pod's.
func onNode(sandbox string, end netlink.Link) chain {
	a := end.Attrs()
	c := filter(fmt.Sprintf("%s%s%d", sandbox, separator, a.Index), a.Name, nftables.ChainHookIngress)
	c.rules = append(c.rules, verdict(expr.VerdictAccept,
		meta(expr.MetaKeyIIF, expr.CmpOpNeq, binary.NativeEndian.AppendUint32(nil, uint32(a.Index)))...)) //nolint:gosec // positive
	c.rules = append(c.rules, passing(end)...)
	return c
}

// inPod is the chain that sees every frame which a pod sends, on its own end of the link.
func inPod(inside netlink.Link) chain {
	a := inside.Attrs()
	c := filter(fmt.Sprintf("%s%s%d", inPodPrefix, separator, a.Index), a.Name, nftables.ChainHookEgress)
	c.rules = passing(inside)
	return c
}

// PlannedInPod returns the names of the chains that Filter writes in the calling thread's network namespace, which is a pod's.
func PlannedInPod() (names []string, err error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list the links of the pod: %w", err)
	}
	for _, l := range links {
		if leaves(l) {
			names = append(names, inPod(l).Name)
		}
	}
	return names, nil
}

func filter(name, device string, hook *nftables.ChainHook) chain {
	drop := nftables.ChainPolicyDrop
	return chain{Chain: nftables.Chain{
		Name: name, Table: frames(), Type: nftables.ChainTypeFilter, Hooknum: hook, Device: device,
		Priority: nftables.ChainPriorityRef(first + 1), Policy: &drop, // behind a wall
	}}
}

// passing are the rules: what passes, and the count of what does not.
func passing(l netlink.Link) [][]expr.Any {
	var rules [][]expr.Any
	if ethernet(l) {
		for _, r := range quarantine.Frames() {
			rules = append(rules, verdict(expr.VerdictAccept, match(r.Matches[0])...))
		}
	} else {
		for _, t := range quarantine.EtherTypes() {
			rules = append(rules, verdict(expr.VerdictAccept, meta(expr.MetaKeyPROTOCOL, expr.CmpOpEq, binary.BigEndian.AppendUint16(nil, t.Number))...))
		}
	}
	return append(rules, verdict(expr.VerdictDrop, &expr.Counter{}))
}

// ethernet reports whether each frame of the link has an Ethernet header, whose bytes can be compared. On other links the
// kernel's own word for what a frame carries is all there is.
func ethernet(l netlink.Link) bool { return l.Attrs().EncapType == "ether" && l.Type() != "netkit" }
