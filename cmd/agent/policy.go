package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/effects/policywatch"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/programs/agentcli"
	"data-space.liqo.io/pkg/programs/agentserver"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/nodepolicy"
	"data-space.liqo.io/pkg/reconcilers/noderules"
	"data-space.liqo.io/pkg/values/agentapi"
)

// policyOptions are the flags of NetworkPolicy's enforcement.
type policyOptions struct {
	denial, unknown, cidrs, marks string
	logGroup                      uint
}

func (p *policyOptions) flags(f *pflag.FlagSet) {
	cli.Choice(f, "policy-denial", "what becomes of a packet that no NetworkPolicy allows; reject: its sender gets an error", &p.denial, "reject", "drop")
	cli.Choice(f, "policy-unknown", "when an address that no known pod holds is closed; foreign: while a pod of a foreign namespace starts on this node",
		&p.unknown, "foreign", "never", "always")
	f.StringVar(&p.cidrs, "pod-cidrs", "", "comma-separated `list` of where this node's pods get their addresses; empty: what the Node's spec.podCIDRs says")
	f.StringVar(&p.marks, "policy-marks", fmt.Sprintf("%#x", netpol.DefaultMarks),
		"`mask` of the two packet mark bits that are used on packets of pods that a NetworkPolicy selects; bits that no other program of the node reads")
	f.UintVar(&p.logGroup, "policy-log-group", defaultLogGroup, "NFLOG `group` that denials are logged to, at most 10 a second and reason; 0: none")
}

const (
	defaultLogGroup = 1303
	maxLogGroup     = 1<<16 - 1
)

func denials() map[string]netpol.Denial {
	return map[string]netpol.Denial{"reject": netpol.Reject, "drop": netpol.Drop}
}

func unknowns() map[string]netpol.Unknown {
	return map[string]netpol.Unknown{"never": netpol.UnknownOpen, "foreign": netpol.UnknownForeign, "always": netpol.UnknownClosed}
}

func (p *policyOptions) check() error {
	var problems []error
	if p.logGroup > maxLogGroup {
		problems = append(problems, fmt.Errorf("--policy-log-group=%d: give 0 to %d", p.logGroup, maxLogGroup))
	}
	_, err := p.ranges()
	_, marksErr := p.markBits()
	return errors.Join(append(problems, err, marksErr)...)
}

// markBits are the bits of --policy-marks.
func (p *policyOptions) markBits() ([2]uint32, error) {
	mask, err := strconv.ParseUint(p.marks, 0, 32)
	var bits [2]uint32
	if err == nil {
		bits, err = netpol.MarkBits(uint32(mask))
	}
	if err != nil {
		return bits, fmt.Errorf("--policy-marks=%q: %w; give a mask of two bits such as %#x", p.marks, err, netpol.DefaultMarks)
	}
	return bits, nil
}

// ranges are the prefixes of --pod-cidrs.
func (p *policyOptions) ranges() ([]netip.Prefix, error) {
	var out []netip.Prefix
	if p.cidrs == "" {
		return nil, nil
	}
	for text := range strings.SplitSeq(p.cidrs, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("--pod-cidrs=%q: %q is no range of addresses; give some such as 10.244.1.0/24,fd00:1::/64", p.cidrs, text)
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

// nodeLock is where all writers of the node's legacy tables take turns: the node's own file, also from within a
// container that sees the node's processes.
const nodeLock = "/proc/1/root/run/xtables.lock"

// newPolicies puts together what enforces NetworkPolicy.
func newPolicies(ctx context.Context, n node) (job, error) {
	here, err := netns.Own()
	if err != nil {
		return job{}, err
	}
	ranges, err := n.policy.ranges()
	if err != nil {
		return job{}, err
	}
	marks, err := n.policy.markBits()
	if err != nil {
		return job{}, err
	}
	settings := netpol.Settings{
		MarkBits: marks,
		Node:     n.node, IPv6: netns.HasIPv6(), Denial: denials()[n.policy.denial], Unknown: unknowns()[n.policy.unknown], PodCIDRs: ranges,
		LogGroup: uint16(n.policy.logGroup), NoLog: n.policy.logGroup == 0, //nolint:gosec // checked with the flags
	}
	if err := nodefilter.Check(ctx, n.backend, settings); err != nil {
		return job{}, fmt.Errorf("this node's kernel cannot hold the rules of NetworkPolicy (iptables-%s): %w", n.backend, err)
	}
	watch, err := policywatch.New(n.api, n.log)
	if err != nil {
		return job{}, err
	}
	if err := xtables.UseLock(nodeLock); err != nil {
		return job{}, err
	}
	filter := nodefilter.New(here, n.backend)
	enforcer := noderules.New(filter, settings)
	p := nodepolicy.New(nodepolicy.Config{
		Node: n.node, Backend: string(n.backend), Denial: settings.Denial, Unknown: settings.Unknown, PodCIDRs: ranges, Verify: n.verify, Log: n.log,
	}, nodepolicy.Parts{Cluster: watch, Filter: enforcer, Sight: enforcer, Registry: n.registry, Emit: n.facts.Emit})
	return job{
		run: func(ctx context.Context) error {
			err := p.Run(ctx)
			if errors.Is(err, policywatch.ErrRefused) {
				err = fmt.Errorf("the API server at %s refuses %s: %w; give a kubeconfig whose user may get, list and watch pods, namespaces "+
					"and networkpolicies and get nodes (ClusterRole %s)", n.api.Host, n.source, err, component)
			}
			return err
		},
		address: p.Address,
		part: agentserver.Part{
			Path: agentapi.PolicyPath, Answers: p.Handler(),
			Ready: agentserver.Condition{Good: p.Ready, Otherwise: "NetworkPolicy is not in force yet"},
		},
	}, nil
}

// statusDenied is the exit status of "agent explain" for a connection that is not allowed.
const statusDenied = 3

// explainCommand asks the agent of this node for the verdict on a connection, and for the rule that decides.
func explainCommand() *cobra.Command {
	var o asking
	var from, to, protocol, port string
	c := &cobra.Command{
		Use:   "explain",
		Short: "explain why a connection is allowed or refused by NetworkPolicy",
		Long: "explain reports what NetworkPolicy makes of a connection on this node, and which rule decides.\n" +
			"It ends with status 0 where the connection is allowed, 3 where it is not, 1 where that is not known.",
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := agentapi.ParseQuestion(url.Values{"from": {from}, "to": {to}, "protocol": {protocol}, "port": {port}})
			if err != nil {
				return cli.Usage(err)
			}
			allowed, err := agentcli.Explain(c.Context(), o.socket, o.output == "json", q, c.OutOrStdout())
			if err == nil && !allowed {
				err = cli.Exit(statusDenied)
			}
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&from, "from", "", "`address` of the sender")
	f.StringVar(&to, "to", "", "`address` of the receiver: the backend's, where it is called by a Service")
	f.StringVar(&protocol, "protocol", "tcp", "tcp, udp, sctp or icmp")
	f.StringVar(&port, "port", "", "`number` of the receiver's port")
	o.flags(f, "text")
	return c
}

// cleanupCommand takes everything that is ours out of the node's own filter.
func cleanupCommand() *cobra.Command {
	var socket string
	c := &cobra.Command{
		Use:   "cleanup",
		Short: "remove the rules and sets of NetworkPolicy from this node",
		RunE: func(c *cobra.Command, _ []string) error {
			return agentcli.Cleanup(c.Context(), socket, nodeLock, c.OutOrStdout())
		},
	}
	statusSocket(c.Flags(), &socket)
	return c
}
