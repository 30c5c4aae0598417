package nodepolicy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/effects/policywatch"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/reconcilers/noderules"
)

const maxLogGroup = 1<<16 - 1

// NodeLock is where all writers of the node's legacy tables take turns: the node's own file, also from within a
// container that sees the node's processes.
const NodeLock = "/proc/1/root/run/xtables.lock"

// Options are the flags of NetworkPolicy's enforcement, as given.
type Options struct {
	Denial   string // reject or drop
	Unknown  string // foreign, never or always
	PodCIDRs string // comma-separated; "": those of the Node object
	Marks    string // a mask of two bits
	LogGroup uint   // of NFLOG; 0: none
}

// Check reports everything that is wrong with the flags, by their names.
func (o Options) Check() error {
	var problems []error
	if o.LogGroup > maxLogGroup {
		problems = append(problems, fmt.Errorf("--policy-log-group=%d: give 0 to %d", o.LogGroup, maxLogGroup))
	}
	_, err := o.ranges()
	_, marksErr := o.markBits()
	return errors.Join(append(problems, err, marksErr)...)
}

// markBits are the bits of --policy-marks.
func (o Options) markBits() ([2]uint32, error) {
	mask, err := strconv.ParseUint(o.Marks, 0, 32)
	var bits [2]uint32
	if err == nil {
		bits, err = netpol.MarkBits(uint32(mask))
	}
	if err != nil {
		return bits, fmt.Errorf("--policy-marks=%q: %w; give a mask of two bits such as %#x", o.Marks, err, netpol.DefaultMarks)
	}
	return bits, nil
}

// ranges are the prefixes of --pod-cidrs.
func (o Options) ranges() ([]netip.Prefix, error) {
	var out []netip.Prefix
	if o.PodCIDRs == "" {
		return nil, nil
	}
	for text := range strings.SplitSeq(o.PodCIDRs, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("--pod-cidrs=%q: %q is not a range of addresses; give some such as 10.244.1.0/24,fd00:1::/64", o.PodCIDRs, text)
		}
		out = append(out, prefix.Masked())
	}
	return out, nil
}

// settings are what the rules are decided by on a node.
func (o Options) settings(node string) (netpol.Settings, error) {
	ranges, err := o.ranges()
	marks, marksErr := o.markBits()
	denials := map[string]netpol.Denial{"reject": netpol.Reject, "drop": netpol.Drop}
	unknowns := map[string]netpol.Unknown{"never": netpol.UnknownOpen, "foreign": netpol.UnknownForeign, "always": netpol.UnknownClosed}
	return netpol.Settings{
		MarkBits: marks,
		Node:     node, IPv6: netns.HasIPv6(), Denial: denials[o.Denial], Unknown: unknowns[o.Unknown], PodCIDRs: ranges,
		LogGroup: uint16(o.LogGroup), NoLog: o.LogGroup == 0, //nolint:gosec // Check has its bound
	}, errors.Join(err, marksErr)
}

// OnNode returns the policies of the node that this process is on. It first tries whether the node's kernel can hold their rules. It sets the
// fields of c that the options have, and the fields of p that read the cluster and write to the kernel.
func OnNode(ctx context.Context, o Options, backend xtables.Backend, watch *policywatch.Watch, c Config, p Parts) (*Policies, error) {
	here, err := netns.Own()
	if err != nil {
		return nil, err
	}
	settings, err := o.settings(c.Node)
	if err != nil {
		return nil, err
	}
	if err := nodefilter.Check(ctx, backend, settings); err != nil {
		return nil, fmt.Errorf("this node's kernel cannot hold the rules of NetworkPolicy (iptables-%s): %w", backend, err)
	}
	if err := xtables.UseLock(NodeLock); err != nil {
		return nil, err
	}
	enforcer := noderules.New(nodefilter.New(here, backend), settings)
	c.Backend, c.Denial, c.Unknown, c.PodCIDRs = string(backend), settings.Denial, settings.Unknown, settings.PodCIDRs
	p.Cluster, p.Filter, p.Sight = watch, enforcer, enforcer
	return newPolicies(c, p), nil
}
