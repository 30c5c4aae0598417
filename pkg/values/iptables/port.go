package iptables

import "strconv"

// PortRange is the ports from First to Last, both included.
type PortRange struct{ First, Last uint16 }

// OnePort is the range of one port.
func OnePort(n uint16) PortRange { return PortRange{First: n, Last: n} }

// String is the range as the iptables programs write it: "80" or "80:90".
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return strconv.Itoa(int(r.First)) + ":" + strconv.Itoa(int(r.Last))
}
