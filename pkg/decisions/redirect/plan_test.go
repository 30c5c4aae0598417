package redirect_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
)

const (
	pod    = "/kubepods.slice/kubepods-pod1.slice"
	cgroup = pod + "/cri-containerd-2.scope"
)

// everyRuleset calls f for each ruleset that the planner can make.
func everyRuleset(t *testing.T, f func(t *testing.T, set iptables.Ruleset, bound bool)) {
	t.Helper()
	for _, bound := range []bool{false, true} {
		for _, set := range redirect.Plan(redirect.Settings{IPv6: true}, proxy(bound)) {
			t.Run(fmt.Sprintf("%s bound=%v", set.Family, bound), func(t *testing.T) { f(t, set, bound) })
		}
	}
}

func proxy(bound bool) redirect.Proxy {
	if bound {
		return redirect.Proxy{Cgroup: cgroup, Pod: pod}
	}
	return redirect.Proxy{}
}

// each calls f for each rule, with "table/chain".
func each(set iptables.Ruleset, f func(where string, r iptables.Rule)) {
	for _, table := range set.Tables {
		for _, chain := range table.Chains {
			for _, r := range chain.Rules {
				f(table.Name+"/"+chain.Name, r)
			}
		}
	}
}

func ids(set iptables.Ruleset) []string {
	var out []string
	each(set, func(where string, r iptables.Rule) { out = append(out, where+" "+r.Comment) })
	return out
}

// has reports whether the words stand in the rule, side by side.
func has(r iptables.Rule, words string) bool {
	return strings.Contains(" "+strings.Join(r.Words(), " ")+" ", " "+words+" ")
}

func verdict(r iptables.Rule) string {
	words := r.Words()
	return words[slices.Index(words, "-j")+1]
}

func chain(t *testing.T, set iptables.Ruleset, table, name string) iptables.Chain {
	t.Helper()
	tab, ok := set.Table(table)
	require.True(t, ok)
	c, ok := tab.Chain(name)
	require.True(t, ok)
	return c
}

func TestPlan(t *testing.T) {
	t.Run("plans IPv4 only where the kernel has no IPv6", func(t *testing.T) {
		sets := redirect.Plan(redirect.Settings{}, redirect.Proxy{Cgroup: cgroup})
		require.Len(t, sets, 1)
		require.Equal(t, iptables.V4, sets[0].Family)
	})
	t.Run("plans IPv4 and IPv6 otherwise", func(t *testing.T) {
		sets := redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{})
		require.Equal(t, []iptables.Family{iptables.V4, iptables.V6}, []iptables.Family{sets[0].Family, sets[1].Family})
	})
	t.Run("makes the same plan of the same input", func(t *testing.T) {
		first, second := redirect.Plan(redirect.Settings{IPv6: true}, proxy(true)), redirect.Plan(redirect.Settings{IPv6: true}, proxy(true))
		require.Equal(t, first, second)
	})
}

func TestPodCgroup(t *testing.T) {
	const uid = "0b1f2c3d-aaaa-bbbb-cccc-0123456789ab"
	slice := "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice"
	for container, want := range map[string]string{
		"/kubepods/burstable/pod" + uid + "/abc":                       "/kubepods/burstable/pod" + uid,
		"/node-1/kubepods/pod" + uid + "/abc":                          "/node-1/kubepods/pod" + uid,
		"/kubepods/besteffort/pod" + uid + "/crio-abc":                 "/kubepods/besteffort/pod" + uid,
		slice + "/cri-containerd-abc.scope":                            slice,
		slice + "/crio-abc.scope":                                      slice,
		"/kubelet.slice/kubelet" + slice + "/cri-containerd-abc.scope": "/kubelet.slice/kubelet" + slice,
		"/k8s.io/abc":                      "", // shared with all containers of the node
		"/system.slice/crio-abc.scope":     "", // and with its services
		"/abc":                             "",
		"/kubepods/burstable/podother/abc": "",
	} {
		require.Equal(t, want, redirect.PodCgroup(container, uid), container)
	}
	require.Empty(t, redirect.PodCgroup("/kubepods/burstable/pod1/abc", ""))
	t.Run("without it only the proxy itself calls its ports", func(t *testing.T) {
		for _, set := range redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{Cgroup: cgroup}) {
			require.Equal(t, []string{cgroup, pod}, set.Cgroups())
			for _, r := range chain(t, set, "filter", "OUTPUT").Rules {
				require.True(t, r.Comment != "ds-out-stranger" || has(r, "! --path "+cgroup))
			}
		}
	})
}

func TestEveryRule(t *testing.T) {
	everyRuleset(t, func(t *testing.T, set iptables.Ruleset, _ bool) {
		t.Helper()
		require.NoError(t, set.Check())
		seen := map[string]bool{}
		each(set, func(_ string, r iptables.Rule) {
			name := r.Comment
			require.NotEmpty(t, r.Reason, "%s has a reason", name)
			require.True(t, strings.HasSuffix(r.Reason, "."), "%s: its reason is a sentence", name)
			require.NotContains(t, r.Reason, "|", "%s: its reason fits into a table", name)
			require.True(t, strings.HasPrefix(name, "ds-"), "%s is known to be ours", name)
			require.LessOrEqual(t, len(name), 256, "%s: its comment is one that xt_comment takes", name)
			require.False(t, seen[name], "%s is there once", name)
			seen[name] = true
			require.NotNil(t, r.Target, "%s has a verdict", name)
			if has(r, "-m mark") {
				require.Contains(t, []string{"ds-out-proxy-synack", "ds-out-proxy-cookie"}, name, "only SYN+ACKs are judged by a packet mark")
				require.True(t, has(r, "-m owner"), "and not by that alone: a raw socket with CAP_NET_RAW can set it, and has an owner")
			}
		})
	})
}

func TestEveryRuleset(t *testing.T) {
	everyRuleset(t, func(t *testing.T, set iptables.Ruleset, bound bool) {
		t.Helper()
		var names []string
		for _, table := range set.Tables {
			names = append(names, table.Name)
		}
		require.Equal(t, []string{"filter", "mangle", "nat"}, names, "the judgement is written first, nat last")
		for _, c := range []string{"INPUT", "FORWARD", "OUTPUT"} {
			require.Equal(t, iptables.Drop, chain(t, set, "filter", c).Policy, c)
		}
		require.Equal(t, iptables.Drop, chain(t, set, "mangle", "POSTROUTING").Policy)
		require.Len(t, chain(t, set, "filter", "FORWARD").Rules, 1, "a pod forwards nothing")
		for _, c := range []struct{ table, chain string }{{"filter", "INPUT"}, {"filter", "OUTPUT"}, {"mangle", "POSTROUTING"}} {
			rules := chain(t, set, c.table, c.chain).Rules
			last := rules[len(rules)-1]
			require.Equal(t, "DROP", verdict(last), "%s/%s ends by dropping, so that what the policy would drop is counted by name", c.table, c.chain)
		}
		jumpsLeadToChains(t, set)
		if bound {
			require.Equal(t, []string{cgroup, pod}, set.Cgroups())
		} else {
			require.Empty(t, set.Cgroups())
		}
	})
}

func jumpsLeadToChains(t *testing.T, set iptables.Ruleset) {
	t.Helper()
	for _, table := range set.Tables {
		used := map[string]bool{}
		for _, c := range table.Chains {
			for _, r := range c.Rules {
				if v := verdict(r); strings.HasPrefix(v, "DS-") {
					_, ok := table.Chain(v)
					require.True(t, ok, "%s leads to %s", r.Comment, v)
					used[v] = true
				}
			}
		}
		for _, c := range table.Chains {
			require.Equal(t, c.Policy == iptables.NoPolicy, used[c.Name], "%s is a chain of ours if, and only if, a rule leads there", c.Name)
		}
	}
}

// TestUnbound: no rule lets a packet out, or in, that is neither on lo nor neighbour discovery.
func TestUnbound(t *testing.T) {
	everyRuleset(t, func(t *testing.T, set iptables.Ruleset, bound bool) {
		t.Helper()
		if bound {
			return
		}
		loopback := map[iptables.Family]string{iptables.V4: "127.0.0.0/8", iptables.V6: "::1/128"}[set.Family]
		each(set, func(where string, r iptables.Rule) {
			if strings.HasPrefix(where, "nat/") || verdict(r) == "DROP" {
				return
			}
			if r.Comment == "ds-wire-proxy" {
				return // it adds nothing to what filter lets pass
			}
			require.Equal(t, "ACCEPT", verdict(r), "%s", r.Comment)
			local := has(r, "-o lo") || has(r, "-i lo") || has(r, "-d "+loopback)
			neighbour := set.Family == iptables.V6 && has(r, "-p ipv6-icmp") && has(r, "--hl-eq 255") &&
				(has(r, "--icmpv6-type 135") || has(r, "--icmpv6-type 136"))
			require.True(t, local || neighbour, "%s accepts no more than loopback and neighbour discovery: %s", r.Comment, r)
			require.False(t, has(r, "! -o lo") || has(r, "! -i lo"), "%s", r.Comment)
		})
		for _, r := range chain(t, set, "mangle", "POSTROUTING").Rules {
			require.False(t, has(r, "-d "+loopback), "the last look asks for the interface: %s", r.Comment)
		}
	})
}

// TestBound: every accept that lets a packet out rests on the proxy's cgroup, or on a mark that only such an accept sets.
func TestBound(t *testing.T) {
	either := fmt.Sprintf("%#x/%#x", redirect.Mark, 0xffff)
	everyRuleset(t, func(t *testing.T, set iptables.Ruleset, bound bool) {
		t.Helper()
		if !bound {
			return
		}
		for _, r := range chain(t, set, "filter", "OUTPUT").Rules {
			switch verdict(r) {
			case "DS-COMING":
				require.Fail(t, "nothing that leaves is marked as coming in", r.Comment)
			case "DS-MARK":
				require.True(t, has(r, "-m cgroup --path "+cgroup), "%s marks by cgroup", r.Comment)
				require.False(t, has(r, "! --path"), "%s", r.Comment)
				require.True(t, has(r, "--uid-owner 1303") || has(r, "! --uid-owner 0-4294967294"), "%s marks by user, or where there is none", r.Comment)
			case "ACCEPT":
				answer := has(r, "--tcp-flags SYN,ACK "+"SYN,ACK") && has(r, fmt.Sprintf("-m mark --mark %#x", redirect.SocketMark))
				either := has(r, "--mark "+either) && (answer || has(r, "--tcp-flags RST "+"RST"))
				bare := has(r, "-m connmark --mark 0x1303") && has(r, "--tcp-flags FIN,SYN,RST,PSH,ACK,URG "+"ACK") && has(r, "-m length")
				require.True(t, either || bare || has(r, "-o lo") || has(r, "--ctstate DNAT") || has(r, "--hl-eq 255"),
					"%s accepts by mark only segments without data: %s", r.Comment, r)
			}
		}
		for _, r := range chain(t, set, "filter", "INPUT").Rules {
			require.NotEqual(t, "DS-MARK", verdict(r), "nothing that comes in proves to be the proxy's: %s", r.Comment)
		}
	})
}

func TestClosedNeedsNothingOfTheKernelAndAcceptsLoopbackOnly(t *testing.T) {
	require.Len(t, redirect.Closed(redirect.Settings{}), 1)
	sets := redirect.Closed(redirect.Settings{IPv6: true})
	require.Equal(t, []iptables.Family{iptables.V4, iptables.V6}, []iptables.Family{sets[0].Family, sets[1].Family})
	for _, set := range sets {
		for _, c := range set.Tables[0].Chains {
			require.Equal(t, iptables.Drop, c.Policy)
		}
		each(set, func(_ string, r iptables.Rule) {
			require.NotContains(t, r.Words(), "-m")
			require.True(t, has(r, "lo -j ACCEPT") || has(r, "-j DROP"), "%s", r)
			require.NotEmpty(t, r.Reason)
		})
	}
}

// TestPoliciesAreNeverAlone: where a table is replaced they come into force last.
func TestPoliciesAreNeverAlone(t *testing.T) {
	s := redirect.Settings{IPv6: true}
	node := []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8::1")}
	for _, sets := range [][]iptables.Ruleset{
		redirect.Plan(s, redirect.Proxy{}), redirect.Plan(s, redirect.Proxy{Cgroup: "/p"}), redirect.Closed(s), redirect.Quarantine(s, node),
	} {
		for _, set := range sets {
			for _, table := range set.Tables {
				require.True(t, table.Sealed(), "%s %s", set.Family, table.Name)
			}
		}
	}
	require.False(t, redirect.Shut(s)[0].Tables[0].Sealed(), "nothing is there that it could replace")
}

func TestMarksAreToldApartByOneBitAndJoinedByTheMask(t *testing.T) {
	require.NotEqual(t, redirect.Mark, redirect.MarkComing)
	require.Equal(t, redirect.Mark&0xffff, redirect.MarkComing&0xffff)
}

func TestFamilies(t *testing.T) {
	for _, bound := range []bool{false, true} {
		sets := redirect.Plan(redirect.Settings{IPv6: true}, proxy(bound))
		v6Only := func(id string) bool { return strings.Contains(id, "-neighbour-") }
		require.Equal(t, ids(sets[0]), slices.DeleteFunc(ids(sets[1]), v6Only),
			"but for neighbour discovery the families have the same rules in the same order")
		require.Len(t, slices.DeleteFunc(ids(sets[1]), func(id string) bool { return !v6Only(id) }), 6)
		each(sets[0], func(_ string, r iptables.Rule) {
			require.NotContains(t, r.String(), "6-", "%s: nothing of IPv6 in IPv4", r.Comment)
			require.NotContains(t, r.String(), "::", "%s: nothing of IPv6 in IPv4", r.Comment)
		})
		each(sets[1], func(_ string, r iptables.Rule) {
			for _, word := range r.Words() {
				prefix, err := netip.ParsePrefix(word)
				require.False(t, err == nil && prefix.Addr().Is4(), "%s: no IPv4 address in IPv6", r.Comment)
			}
			require.False(t, has(r, "-p icmp"), "%s: no ICMP of IPv4 in IPv6", r.Comment)
		})
	}
}

func TestUnboundRulesAreAmongTheBoundOnesInTheSameOrder(t *testing.T) {
	unbound := redirect.Plan(redirect.Settings{IPv6: true}, proxy(false))
	for i, bound := range redirect.Plan(redirect.Settings{IPv6: true}, proxy(true)) {
		known := ids(unbound[i])
		require.Equal(t, known, slices.DeleteFunc(ids(bound), func(id string) bool { return !slices.Contains(known, id) }))
	}
}

func TestShutIsFilterWithoutRulesWhichOpeningFills(t *testing.T) {
	plan, opening := redirect.Plan(redirect.Settings{IPv6: true}, proxy(true)), redirect.Opening(redirect.Settings{IPv6: true}, proxy(true))
	for i, shut := range redirect.Shut(redirect.Settings{IPv6: true}) {
		require.Equal(t, plan[i].Tables[:1], opening[i].Tables)
		require.Len(t, shut.Tables, 1)
		for _, c := range shut.Tables[0].Chains {
			require.Equal(t, iptables.Chain{Name: c.Name, Policy: iptables.Drop}, c)
			require.Equal(t, iptables.Drop, chain(t, opening[i], "filter", c.Name).Policy)
		}
	}
	require.Len(t, redirect.All(redirect.Settings{}), 3)
}

// TestOnlyFilterDependsOnTheProxy: what else is written can be written before the proxy runs, and stays when it ends.
func TestOnlyFilterDependsOnTheProxy(t *testing.T) {
	unbound := redirect.Plan(redirect.Settings{IPv6: true}, proxy(false))
	for i, bound := range redirect.Plan(redirect.Settings{IPv6: true}, proxy(true)) {
		require.NotEqual(t, unbound[i].Tables[0], bound.Tables[0])
		require.Equal(t, unbound[i].Tables[1:], bound.Tables[1:])
	}
}

func TestRedirectsGoToThePortsOfTheProxy(t *testing.T) {
	want := map[string]uint16{
		"ds-nat-in": apis.PortIngressTCP, "ds-nat-out-self": apis.PortIngressTCP,
		"ds-nat-out-dns": apis.PortDNS, "ds-nat-out-tcp": apis.PortEgressTCP,
	}
	everyRuleset(t, func(t *testing.T, set iptables.Ruleset, _ bool) {
		t.Helper()
		found := map[string]uint16{}
		each(set, func(_ string, r iptables.Rule) {
			if port, is := r.Target.(iptables.Redirect); is {
				found[r.Comment] = uint16(port)
			}
		})
		require.Equal(t, want, found)
	})
}

// A kernel without counts holds all the other rules.
func TestWithoutCounts(t *testing.T) {
	for i, set := range redirect.Plan(redirect.Settings{IPv6: true, NoCounts: true}, proxy(true)) {
		whole := redirect.Plan(redirect.Settings{IPv6: true}, proxy(true))[i]
		early := chain(t, whole, "mangle", "INPUT").Rules
		require.Len(t, early, 1)
		require.Equal(t, "DROP", verdict(early[0]), "it lets nothing in")
		require.Empty(t, chain(t, set, "mangle", "INPUT").Rules)
		each(whole, func(where string, r iptables.Rule) {
			if where == "mangle/INPUT" {
				return
			}
			table, name, _ := strings.Cut(where, "/")
			require.Contains(t, chain(t, set, table, name).Rules, r)
		})
	}
}
