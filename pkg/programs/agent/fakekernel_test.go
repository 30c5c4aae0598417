package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
	"data-space.liqo.io/pkg/values/iptables"
)

// kernel plays the kernel of a node: what the network namespace of each sandbox holds, and what stands on the node's end of its link.
type kernel struct {
	mu       sync.Mutex
	netns    map[string]*iptables.Saved  // by sandbox
	opened   map[*netns.Namespace]string // whose network namespace each open handle is
	walls    map[string]bool
	filters  map[string]bool
	failing  bool
	rewrites int
}

func newKernel() *kernel {
	return &kernel{netns: map[string]*iptables.Saved{}, opened: map[*netns.Namespace]string{}, walls: map[string]bool{}, filters: map[string]bool{}}
}

// open opens a handle of this process's own network namespace, in place of the target's.
func (k *kernel) open(t endpoint.Target) (*netns.Namespace, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.netns[t.Sandbox] == nil {
		return nil, failure.New(failure.Open, fmt.Errorf("%s: there is no network namespace", t.Endpoint))
	}
	ns, err := netns.Own()
	if err == nil {
		k.opened[ns] = t.Sandbox
	}
	return ns, err
}

var errKernel = errors.New("the kernel takes no rules")

func (k *kernel) compare(ns *netns.Namespace, desired []iptables.Ruleset) (*iptables.Saved, dataplane.State) {
	held := k.netns[k.opened[ns]]
	return held, dataplane.State{Backend: xtables.NFT, Rulesets: []iptables.Saved{*held}, Drift: drift.Compare(printed(desired[0]), *held)}
}

func (k *kernel) Enforce(_ context.Context, ns *netns.Namespace, desired []iptables.Ruleset) (dataplane.State, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	held, state := k.compare(ns, desired)
	if len(state.Drift) == 0 {
		return state, nil
	}
	if k.failing {
		return state, errKernel
	}
	*held, state.Wrote = printed(desired[0]), true
	state.Rulesets = []iptables.Saved{*held}
	return state, nil
}

func (k *kernel) Rewrite(ctx context.Context, ns *netns.Namespace, desired []iptables.Ruleset) (dataplane.State, error) {
	state, err := k.Enforce(ctx, ns, desired)
	state.Wrote = err == nil
	k.rewrites++
	return state, err
}

// Fill appends rules to the chains that are there.
func (k *kernel) Fill(_ context.Context, ns *netns.Namespace, more []iptables.Ruleset) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failing {
		return errKernel
	}
	*k.netns[k.opened[ns]] = filled(*k.netns[k.opened[ns]], printed(more[0]))
	return nil
}

// printed returns what a kernel that prints rules as they were sent prints of a ruleset.
func printed(set iptables.Ruleset) iptables.Saved {
	text, err := iptables.ParseSave(set.Family, set.Restore())
	if err != nil {
		return iptables.Saved{Family: set.Family, Tables: []iptables.SavedTable{{Name: "a plan that cannot be read back: " + err.Error()}}}
	}
	return text
}

// filled returns what is held with the rules of another ruleset appended to its chains.
func filled(held, more iptables.Saved) iptables.Saved {
	out := iptables.Saved{Family: held.Family}
	for _, table := range held.Tables {
		added, _ := more.Table(table.Name)
		chains := slices.Clone(table.Chains)
		for i := range chains {
			from, _ := added.Chain(chains[i].Name)
			chains[i].Rules = slices.Concat(chains[i].Rules, from.Rules)
		}
		out.Tables = append(out.Tables, iptables.SavedTable{Name: table.Name, Chains: chains})
	}
	return out
}

func (k *kernel) Observe(_ context.Context, ns *netns.Namespace, desired []iptables.Ruleset) (dataplane.State, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, state := k.compare(ns, desired)
	return state, nil
}

// Unchanged: the kernel is read each time.
func (k *kernel) Unchanged(_ *netns.Namespace, s dataplane.State) (dataplane.State, bool) {
	return s, false
}

func (k *kernel) Clear(_ context.Context, ns *netns.Namespace, _ ...iptables.Family) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	*k.netns[k.opened[ns]] = iptables.Saved{Family: iptables.V4}
	return nil
}

// tamper lets everything out, as root in another program of the node could.
func (k *kernel) tamper(box string) {
	held := k.netns[box]
	changed := filled(*held, iptables.Saved{})
	for i := range changed.Tables {
		for j := range changed.Tables[i].Chains {
			if chain := &changed.Tables[i].Chains[j]; chain.Name == "OUTPUT" {
				chain.Rules = slices.Insert(slices.Clone(chain.Rules), 0, iptables.SavedRule{Words: []string{"-j", "ACCEPT"}})
			}
		}
	}
	*held = changed
}

// holds names what a sandbox's network namespace holds.
func (k *kernel) holds(box, uid string, proxies []string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	held := k.netns[box]
	if held == nil {
		return "no network"
	}
	s := redirect.Settings{}
	known := map[string]iptables.Saved{
		"no rules": {Family: iptables.V4}, "default-drop chains": printed(redirect.Shut(s)[0]), "rules without a proxy": printed(redirect.Plan(s, redirect.Proxy{})[0]),
		"last resort": printed(redirect.Closed(s)[0]), "quarantine rules": printed(redirect.Quarantine(s, []netip.Addr{nodeAddress})[0]),
	}
	for _, id := range proxies {
		p := redirect.Proxy{Cgroup: cgroup(uid, id), Pod: redirect.PodCgroup(cgroup(uid, id), uid)}
		known["rules bound to "+id] = printed(redirect.Plan(s, p)[0])
		known["opened for "+id] = filled(printed(redirect.Shut(s)[0]), printed(redirect.Opening(s, p)[0]))
	}
	for name, set := range known {
		if len(drift.Compare(set, *held)) == 0 {
			return name
		}
	}
	return "other rules"
}

var nodeAddress = netip.MustParseAddr("192.0.2.1")

func cgroup(uid, container string) string { return "/kubepods/pod" + uid + "/" + container }

// links plays the node's ends of the pods' links.
type links struct{ *kernel }

func (l links) Up(ns *netns.Namespace, box string, _ []netip.Addr) (hostlink.Standing, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.opened[ns]
	l.walls[box] = true
	return hostlink.Standing{From: []netip.Addr{nodeAddress}}, nil
}

func (l links) Down(box string) error { delete(l.walls, box); return nil }

func (l links) Standing() []string { return sorted(l.walls) }

func (l links) Filter(_ *netns.Namespace, box string) (hostlink.Filtered, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.filters[box] = true
	return hostlink.Filtered{Node: []string{"veth"}, Pod: []string{"eth0"}}, nil
}

func (l links) Unfilter(_ *netns.Namespace, boxes ...string) error {
	for _, box := range boxes {
		delete(l.filters, box)
	}
	return nil
}

func (l links) Filtering() []string { return sorted(l.filters) }

func sorted(set map[string]bool) []string {
	var all []string
	for name := range set {
		all = append(all, name)
	}
	slices.SortFunc(all, strings.Compare)
	return all
}
