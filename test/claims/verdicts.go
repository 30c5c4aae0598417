package claims

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

// Explain asks the agent of a node.
func (w *World) Explain(ctx context.Context, node string, from netip.Addr, to netip.AddrPort) (agentapi.Explanation, error) {
	said := agentapi.Explanation{}
	agent, err := w.agentOf(ctx, node)
	if err != nil {
		return said, err
	}
	text, err := w.run(ctx, "exec", "-n", apis.SystemNamespace, agent.Name, "--", "agent", "explain", "-o", "json",
		"--from", from.String(), "--to", to.Addr().String(), "--protocol", "tcp", "--port", strconv.Itoa(int(to.Port())))
	if json.Unmarshal([]byte(text), &said) == nil && said.InForce {
		return said, nil // it ends with a status of its own when the connection is refused
	}
	return said, fmt.Errorf("agent explain on %s: %q: %w", node, tail(text), err)
}

// A rule that refuses what no policy allows, as iptables-save -c prints it.
var refusal = regexp.MustCompile(`(?m)^\[(\d+):\d+\] -A DS-NP-NO-[EI] .*-j (?:REJECT|DROP)`)

// Refused counts the packets that the kernel has refused in a node's network because no policy allows them.
func Refused(ctx context.Context, node *netns.Namespace) (uint64, error) {
	total := uint64(0)
	err := node.Do(func() error {
		for _, saver := range savers() {
			text, err := output(ctx, saver, "-c", "-t", "filter")
			if err != nil {
				return err
			}
			for _, match := range refusal.FindAllStringSubmatch(text, -1) {
				n, err := strconv.ParseUint(match[1], 10, 64)
				if err != nil {
					return fmt.Errorf("%s: %w", strings.TrimSpace(match[0]), err)
				}
				total += n
			}
		}
		return nil
	})
	return total, err
}
