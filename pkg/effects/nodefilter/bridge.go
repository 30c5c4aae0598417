package nodefilter

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"

	"data-space.liqo.io/pkg/values/iptables"
)

// Escape is a bridge whose pods talk to each other past the filter.
type Escape struct {
	Bridge string          `json:"bridge"`
	Family iptables.Family `json:"family"`
	Pod    netip.Addr      `json:"pod"` // one of those that are behind it
}

// String says what is wrong and the way out.
func (e Escape) String() string {
	return fmt.Sprintf("pods behind bridge %s (such as %s) reach each other past the node's filter: load br_netfilter and set net.bridge.%s=1",
		e.Bridge, e.Pod, switchOf(e.Family))
}

func switchOf(f iptables.Family) string {
	if f == iptables.V6 {
		return "bridge-nf-call-ip6tables"
	}
	return "bridge-nf-call-iptables"
}

// Bridges looks where the node's pods are: packets between two pods of one bridge pass FORWARD only if br_netfilter
// hands them to it. Pods on interfaces of their own (ptp) always pass.
func (f *Filter) Bridges(pods []netip.Addr) ([]Escape, error) {
	var out []Escape
	err := f.node.Do(func() error {
		bridges := map[string]struct{}{}
		for _, ip := range pods {
			name, family, err := bridgeOf(ip)
			if err != nil {
				return err
			}
			if _, known := bridges[name+string(family)]; known || name == "" {
				continue
			}
			bridges[name+string(family)] = struct{}{}
			if !filtered(family) {
				out = append(out, Escape{Bridge: name, Family: family, Pod: ip})
			}
		}
		return nil
	})
	return out, err
}

// bridgeOf is the bridge that the address is behind, or "".
func bridgeOf(ip netip.Addr) (string, iptables.Family, error) {
	family := iptables.V4
	if ip.Is6() {
		family = iptables.V6
	}
	routes, err := netlink.RouteGet(ip.AsSlice())
	if err != nil || len(routes) == 0 {
		return "", family, nil //nolint:nilerr // no route: not on this node any more
	}
	link, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", family, fmt.Errorf("the interface to pod %s: %w", ip, err)
	}
	if link.Type() != "bridge" {
		return "", family, nil
	}
	return link.Attrs().Name, family, nil
}

// filtered reports whether bridged packets are handed to the family's filter.
func filtered(f iptables.Family) bool {
	text, err := os.ReadFile(filepath.Join("/proc/sys/net/bridge", switchOf(f)))
	return err == nil && strings.TrimSpace(string(text)) == "1"
}
