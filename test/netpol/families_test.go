//go:build kernel

package netpol

import "data-space.liqo.io/pkg/values/iptables"

func families() []iptables.Family { return []iptables.Family{iptables.V4, iptables.V6} }
