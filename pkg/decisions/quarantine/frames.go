package quarantine

// Frames returns what a guarded pod may send on an Ethernet link at all: IPv4, IPv6 and ARP. The rules of the pod see IP
// alone; every other kind of frame (PPPoE, IPX, AppleTalk, LLC, TIPC, AoE, MACsec, those with a VLAN tag) would pass them
// all, and some kinds need no capability to be sent. A frame with a VLAN tag has the tag's type, also where the device
// keeps the tag beside the frame: the kernel puts it back when it compares these bytes.
func Frames() []Rule {
	var rules []Rule
	for _, t := range EtherTypes() {
		rules = append(rules, Rule{t.Name, []Match{kind(t.Number)}})
	}
	return rules
}

// EtherType is a kind of frame (IEEE 802 numbers).
type EtherType struct {
	Name   string
	Number uint16 // in host order
}

// EtherTypes are the kinds of frames that a guarded pod may send. Links without an Ethernet header carry the first two.
func EtherTypes() []EtherType {
	return []EtherType{{"IPv4", 0x0800}, {"IPv6", 0x86dd}, {"ARP", 0x0806}}
}
