//go:build kernel

package netpol

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

const somePolicies = `x/web: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}], ports: [{port: serve-80-tcp}]}, {from: [{ipBlock: {cidr: 0.0.0.0/0, except: [203.0.113.0/24]}}, {ipBlock: {cidr: "::/0", except: ["2001:db8:1::/64", "::/0"]}}]}], egress: [{to: [{namespaceSelector: {}}], ports: [{port: serve-81-udp, protocol: UDP}, {port: 1, endPort: 9, protocol: SCTP}, {port: 5}]}]
	y/db: podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 1}, {port: 2}, {port: 3}, {port: 80, endPort: 90}]}]`

// others is what the node's table holds beside ours, with its counts.
func (c *cluster) others() string {
	c.t.Helper()
	var lines []string
	for _, line := range strings.Split(c.run(c.program("-save"), "-t", "filter"), "\n") {
		if !strings.Contains(line, netpol.ChainPrefix) && !strings.HasPrefix(line, "#") {
			lines = append(lines, regexp.MustCompile(`\[\d+:\d+\]`).ReplaceAllString(line, ""))
		}
	}
	for _, line := range strings.Split(c.run("ipset", "save"), "\n") {
		if !strings.Contains(line, netpol.SetPrefix) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// furnish gives the node rules and sets of other tools.
func (c *cluster) furnish() {
	c.t.Helper()
	c.run("ipset", "create", "other-tool", "hash:ip")
	for _, line := range []string{
		"-N KUBE-FORWARD", "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP", "-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT",
		"-A FORWARD -j KUBE-FORWARD", "-N CNI-ADMIN", "-A FORWARD -j CNI-ADMIN", "-A INPUT -p tcp --dport 22 -j ACCEPT", "-P FORWARD DROP", "-A FORWARD -p tcp -j ACCEPT",
	} {
		c.table(strings.Fields(line)...)
	}
	c.table("-A", "CNI-ADMIN", "-m", "comment", "--comment", "two  words", "-j", "RETURN")
}

func TestOtherToolsRulesSurviveEverythingWeDo(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		require.NoError(t, c.filter.Clear(t.Context(), families()...))
		bare := c.run(c.program("-save"), "-t", "filter")
		require.NotContains(t, bare, netpol.ChainPrefix)
		c.furnish()
		before := c.others()
		c.converge()
		require.Equal(t, before, c.others())
		c.do(somePolicies)
		require.Equal(t, before, c.others())
		c.do("x/web gone")
		require.Equal(t, before, c.others())
		require.NoError(t, c.filter.Clear(t.Context(), families()...))
		require.Equal(t, before, c.others())
		require.NotContains(t, c.run(c.program("-save")), netpol.ChainPrefix)
		require.NotContains(t, c.run("ipset", "save"), netpol.SetPrefix)
	})
}

func TestTheKernelHoldsWhatWasPlannedAndASecondConvergenceWritesNothing(t *testing.T) {
	each(t, netpol.Settings{PodCIDRs: podRanges()}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.do(somePolicies)
		require.Empty(t, c.converge())
		c.do("pod x/b pod=c\nnamespace y team=red")
		require.Empty(t, c.converge())
	})
}

func TestARestartFindsItsOwnRulesRightAndKeepsTheirCounts(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.do(somePolicies)
		c.serve(c.pods["x/a"])
		require.False(t, c.reachesBriefly(c.pods["y/a"], c.address("x/a"), 80))
		count := func() string { return ourRules(c.run(c.program("-save"), "-c", "-t", "filter")) }
		before := count()
		require.Regexp(t, `\[[1-9]\d*:\d+\] -A DS-NP-NO-I .*REJECT`, before)
		c.filter = nodefilter.New(c.node, c.backend)
		require.Empty(t, c.converge(), "nothing differs")
		require.Equal(t, before, count())

		c.table("-A", "DS-NP-NO-I", "-j", "RETURN") // somebody's
		findings := c.converge()
		require.Len(t, findings, 1)
		require.Equal(t, "different", findings[0].How)
		if c.v6 && c.backend == xtables.NFT {
			return // ip6tables-nft-restore 1.8.9 takes no counts
		}
		require.Equal(t, before, count(), "the repaired chain's rules keep their counts")
	})
}

// ourRules are the lines of a save that are about our chains: any change of a legacy table, by any tool, resets the
// policies' counts.
func ourRules(save string) string {
	var lines []string
	for line := range strings.Lines(save) {
		if strings.Contains(line, " -A "+netpol.ChainPrefix) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func TestWhatSomebodyElseBreaksIsRepairedAndReported(t *testing.T) {
	type damage struct {
		name string
		do   []string
		find []nodefilter.Finding
	}
	for _, d := range []damage{
		{name: "a chain flushed", do: []string{"-F DS-NP-FORWARD"}, find: []nodefilter.Finding{{What: "chain", Name: "DS-NP-FORWARD", How: "different"}}},
		{name: "a rule reordered", do: []string{"-D DS-NP-FORWARD -j DS-NP-INGRESS", "-A DS-NP-FORWARD -j DS-NP-INGRESS"}, find: []nodefilter.Finding{{What: "chain", Name: "DS-NP-FORWARD", How: "different"}}},
		{name: "a foreign ACCEPT in our chain", do: []string{"-I DS-NP-INGRESS 1 -j ACCEPT"}, find: []nodefilter.Finding{{What: "chain", Name: "DS-NP-INGRESS", How: "different"}}},
		{name: "the whole table flushed", do: []string{"-F"}},
		{name: "the jump gone", do: []string{"-D FORWARD -j DS-NP-FORWARD"}, find: []nodefilter.Finding{{What: "hook", Name: "FORWARD", How: "missing or not first"}}},
		{name: "the jump twice", do: []string{"-A FORWARD -j DS-NP-FORWARD"}, find: []nodefilter.Finding{{What: "hook", Name: "FORWARD", How: "missing or not first"}}},
		{name: "an ACCEPT before the jump", do: []string{"-I FORWARD 1 -j ACCEPT"}, find: []nodefilter.Finding{{What: "hook", Name: "FORWARD", How: "missing or not first"}}},
		{name: "an older version's chain", do: []string{"-N DS-NP-OLD", "-A DS-NP-OLD -j ACCEPT", "-A OUTPUT -j DS-NP-OLD"}, find: []nodefilter.Finding{{What: "chain", Name: "DS-NP-OLD", How: "leftover"}}},
	} {
		t.Run(d.name, func(t *testing.T) {
			eachAlone(t, func(t *testing.T, c *cluster) {
				t.Helper()
				c.furnish()
				before := c.others()
				c.do(somePolicies)
				for _, line := range d.do {
					c.table(strings.Fields(line)...)
				}
				findings := c.converge()
				if d.find != nil {
					for i := range d.find {
						d.find[i].Family = c.family()
					}
					require.Equal(t, d.find, findings)
				}
				require.NotEmpty(t, findings)
				require.Empty(t, c.converge())
				if d.do[0] != "-F" && !strings.Contains(strings.Join(d.do, " "), "-j ACCEPT") {
					require.Equal(t, before, c.others())
				}
				require.True(t, strings.HasPrefix(firstRule(c.table("-S", "FORWARD")), "-A FORWARD -j DS-NP-FORWARD"))
			})
		})
	}
}

func firstRule(listing string) string {
	for line := range strings.Lines(listing) {
		if strings.HasPrefix(line, "-A") {
			return line
		}
	}
	return ""
}

func TestSetsThatSomebodyChangedAreRepaired(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		c.do(somePolicies)
		c.run("ipset", "add", "ds-np-isolated4", "192.0.2.1")
		c.run("ipset", "del", "ds-np-isolated4", "203.0.113.10")
		c.run("ipset", "create", "ds-np-p4-old", "hash:ip")
		findings := c.converge()
		require.ElementsMatch(t, []nodefilter.Finding{
			{Family: iptables.V4, What: "set", Name: "ds-np-isolated4", How: "different"}, {What: "set", Name: "ds-np-p4-old", How: "leftover"},
		}, findings)
		require.Empty(t, c.converge())
	})
}

func TestAForeignHolderOfTheLockDelaysUsAndNothingMore(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "xtables.lock")
	t.Setenv("XTABLES_LOCKFILE", lock)
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		file, err := os.OpenFile(lock, os.O_CREATE|os.O_RDWR, 0o600)
		require.NoError(t, err)
		defer file.Close()
		require.NoError(t, unix.Flock(int(file.Fd()), unix.LOCK_EX))
		time.AfterFunc(300*time.Millisecond, func() { _ = unix.Flock(int(file.Fd()), unix.LOCK_UN) })
		c.do(somePolicies)
		require.Empty(t, c.converge())
	})
}

func TestAChangeThatCannotBeWrittenIsAnErrorAndConvergeMakesItWhole(t *testing.T) {
	each(t, netpol.Settings{}, func(t *testing.T, c *cluster) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		events := c.index.Apply(c.changes(somePolicies)...)
		require.Error(t, c.filter.Apply(ctx, events))
		require.NotEmpty(t, c.converge())
		require.Empty(t, c.converge())
	})
}
