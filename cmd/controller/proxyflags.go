package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/guestnet"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/controller"
)

// proxyFlags say what goes into each proxy's configuration.
func proxyFlags(f *pflag.FlagSet, c *controller.Config) {
	f.BoolVar(&c.IPv6, "ipv6", true, "whether proxies listen on IPv6 too; false where nodes have no IPv6 in their kernel")
	cli.Var(f, "protocol-detection-timeout", "`duration` that a proxy waits for a connection's first bytes; protocols in which the server"+
		" speaks first wait that long (default "+envoy.DefaultProtocolDetection.String()+")", &c.ProtocolDetection, parseDetection)
	cli.Var(f, "server-first-ports", "`ports` where servers speak first, comma-separated: proxies pass their connections on at once and log them as TCP,"+
		" in both directions; none for no port (default "+joinPorts(envoy.DefaultServerFirstPorts())+")", &c.ServerFirstPorts, parsePorts)
	cli.Var(f, "opaque-ports", "`ports` whose connections proxies pass on as bytes and log as TCP, comma-separated, for programs that notice its HTTP (default none)", &c.OpaquePorts, parsePorts)
	cli.Var(f, "closed-networks", "`networks` that no GuestPolicy opens by address, beside nodes, their pods and the API server, comma-separated (default none)", &c.ClosedNetworks, guestnet.ParseNetworks)
	cli.Var(f, "max-connections", "`number` of connections that a proxy holds open at a time in one direction; in all it holds 64 more (default "+strconv.Itoa(envoy.DefaultMaxConnections)+")", &c.MaxConnections, parseConnections)
}

// parseDetection leaves the bounds to the proxy's settings, where zero means the default.
func parseDetection(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d == 0 {
		return 0, fmt.Errorf("%q is not a duration above zero; write for example 300ms", text)
	}
	return d, nil
}

// parsePorts returns a list that is not nil.
func parsePorts(text string) ([]uint16, error) {
	ports := []uint16{}
	if text == "none" {
		return ports, nil
	}
	for _, one := range strings.Split(text, ",") {
		port, err := strconv.ParseUint(strings.TrimSpace(one), 10, 16)
		if err != nil || port == 0 {
			return nil, fmt.Errorf("%q is not a port; write for example 22,25,3306, or none", one)
		}
		ports = append(ports, uint16(port))
	}
	return ports, nil
}

func joinPorts(ports []uint16) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(ports), "[]"), " ", ",")
}

// parseConnections leaves the upper bound to the proxy's settings.
func parseConnections(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a number above zero; write for example 1024", text)
	}
	return uint32(n), nil
}
