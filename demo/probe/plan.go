package probe

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A method tries one protocol on one target and says what came back.
type method func(ctx context.Context, target string) string

// Targets are the addresses that the attempts are aimed at. All of them come from the command line.
type Targets struct {
	Services []netip.AddrPort // where the tenant must not get to, by Service
	Pods     []netip.AddrPort // and by pod
	Peers    []netip.Addr     // another pod of the tenant, whose proxy is hit directly
	UID      uint32           // the proxy's uid, to be forged
	Ports    []uint16         // the proxy's own ports, hit directly
}

// parse reads `-service ADDR:PORT,… -pod ADDR:PORT,… -peer ADDR,… -uid N -ports N,…`.
func parse(args []string) (Targets, error) {
	targets := Targets{UID: 1303}
	flags := flag.NewFlagSet("probe", flag.ContinueOnError)
	flags.Func("service", "addr:port,… of the forbidden Service", list(&targets.Services, netip.ParseAddrPort))
	flags.Func("pod", "addr:port,… of the forbidden pods", list(&targets.Pods, netip.ParseAddrPort))
	flags.Func("peer", "addr,… of another pod of the tenant", list(&targets.Peers, netip.ParseAddr))
	flags.Func("ports", "the proxy's own ports", list(&targets.Ports, parsePort))
	flags.Func("uid", "the proxy's uid and gid, to be forged", func(text string) error {
		uid, err := strconv.ParseUint(text, 10, 32)
		targets.UID = uint32(uid)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return Targets{}, err
	}
	if flags.NArg() != 0 {
		return Targets{}, fmt.Errorf("probe: %q is no flag", flags.Arg(0))
	}
	return targets, nil
}

func list[T any](into *[]T, parse func(string) (T, error)) func(string) error {
	return func(text string) error {
		for _, part := range strings.Split(text, ",") {
			value, err := parse(part)
			if err != nil {
				return err
			}
			*into = append(*into, value)
		}
		return nil
	}
}

func parsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	return uint16(port), err
}

// plan lists every attempt: each forbidden address by each protocol, as the container's user and with the forged uid,
// and each of the proxy's own ports from inside and through the peer's address.
func plan(t Targets, methods map[string]method, as func(uint32, string) method) []Attempt {
	attempts := []Attempt{}
	add := func(name, target string, try method) {
		attempts = append(attempts, Attempt{name, target, func(ctx context.Context) string { return try(ctx, target) }})
	}
	both := func(name, target string) {
		add(name, target, methods[name])
		add(fmt.Sprintf("%s as uid %d", name, t.UID), target, as(t.UID, name))
	}
	for _, service := range t.Services {
		both("tcp", service.String())
	}
	for _, pod := range t.Pods {
		both("tcp", pod.String())
		add("tcp with SO_MARK", pod.String(), methods["tcp with SO_MARK"])
		add("tcp bound to eth0", pod.String(), methods["tcp bound to eth0"])
		both("udp", pod.String())
		both("dns", netip.AddrPortFrom(pod.Addr(), 53).String())
		both("ping", pod.Addr().String())
		add("raw icmp", pod.Addr().String(), methods["raw icmp"])
	}
	for _, port := range t.Ports {
		for _, self := range []string{"127.0.0.1", "::1"} {
			add("tcp to own proxy", netip.AddrPortFrom(netip.MustParseAddr(self), port).String(), methods["tcp"])
		}
		for _, peer := range t.Peers {
			add("tcp to peer's proxy", netip.AddrPortFrom(peer, port).String(), methods["tcp"])
		}
	}
	return attempts
}
