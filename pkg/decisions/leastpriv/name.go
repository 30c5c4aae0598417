package leastpriv

import (
	"net/netip"
	"slices"
	"strings"
)

// Name is a name of the cluster's DNS that a text mentions. Whether it exists is not known yet.
type Name struct {
	Service   string // of a Service, or
	Pod       string // of a Pod, by its address: 192-0-2-1
	Namespace string
	Port      uint16 // 0: the text names none
	// Implied says that Port is the scheme's: the text names none.
	Implied bool
}

// Address is the address that the name of a Pod is made of.
func (n Name) Address() (netip.Addr, bool) {
	if n.Pod == "" {
		return netip.Addr{}, false
	}
	return dashedAddress(n.Pod)
}

const (
	labelLimit = 63
	nameLimit  = 253
)

// names returns what a host may stand for, seen from a namespace. The resolver of a pod appends NAMESPACE.svc.DOMAIN, svc.DOMAIN and DOMAIN,
// so a short name can have two meanings; the caller keeps the one that exists. It returns nothing for other hosts.
// short says whether forms without "svc" or "pod" count.
func names(host, namespace, domain string, short bool) []Name {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if len(host) > nameLimit {
		return nil
	}
	rest, full := strings.CutSuffix(host, "."+domain)
	parts := strings.Split(rest, ".")
	if slices.ContainsFunc(parts, func(p string) bool { return !isLabel(p) }) {
		return nil
	}
	n := len(parts)
	switch {
	case n >= 3 && parts[n-1] == "svc":
		return []Name{{Service: parts[n-3], Namespace: parts[n-2]}}
	case n == 3 && parts[2] == "pod":
		return []Name{{Pod: parts[0], Namespace: parts[1]}}
	case full || !short:
		return nil
	case n == 1:
		return []Name{{Service: host, Namespace: namespace}}
	case n == 2: // SERVICE.NAMESPACE, or HOSTNAME.SERVICE of the own namespace
		return []Name{{Service: parts[0], Namespace: parts[1]}, {Service: parts[1], Namespace: namespace}}
	case n == 3: // HOSTNAME.SERVICE.NAMESPACE
		return []Name{{Service: parts[1], Namespace: parts[2]}}
	default:
		return nil
	}
}

func isLabel(s string) bool {
	if s == "" || len(s) > labelLimit || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) < 0
}

func dashedAddress(label string) (netip.Addr, bool) {
	for _, separator := range []string{".", ":"} {
		if addr, err := netip.ParseAddr(strings.ReplaceAll(label, "-", separator)); err == nil {
			return addr, true
		}
	}
	return netip.Addr{}, false
}
