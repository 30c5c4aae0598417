//go:build kernel

package dataplane_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

func detect(t *testing.T, ns *netns.Namespace) (b xtables.Backend, reason string) {
	t.Helper()
	require.NoError(t, ns.Do(func() (err error) {
		b, reason, err = xtables.Detect()
		return err
	}))
	return b, reason
}

func TestDetect(t *testing.T) {
	for name, c := range map[string]struct {
		commands [][]string
		want     xtables.Backend
		reason   string
	}{
		"prefers nft where nothing speaks for legacy": {nil, xtables.NFT, "nothing"},
		"follows the kubelet's hint in nft":           {[][]string{{"iptables-nft", "-t", "mangle", "-N", "KUBE-IPTABLES-HINT"}}, xtables.NFT, "KUBE-IPTABLES-HINT"},
		"follows the kubelet's hint in legacy":        {[][]string{{"iptables-legacy", "-t", "mangle", "-N", "KUBE-IPTABLES-HINT"}}, xtables.Legacy, "KUBE-IPTABLES-HINT"},
		"follows an older kubelet's canary in legacy": {[][]string{{"iptables-legacy", "-t", "mangle", "-N", "KUBE-KUBELET-CANARY"}}, xtables.Legacy, "KUBE-KUBELET-CANARY"},
		"follows the hint, and not the crowd": {[][]string{
			{"iptables-nft", "-t", "mangle", "-N", "KUBE-IPTABLES-HINT"},
			{"iptables-legacy", "-N", "ONE"}, {"iptables-legacy", "-N", "TWO"}, {"iptables-legacy", "-N", "THREE"},
		}, xtables.NFT, "KUBE-IPTABLES-HINT"},
		"follows the crowd where there is no hint": {[][]string{
			{"iptables-legacy", "-t", "nat", "-N", "ONE"}, {"iptables-legacy", "-t", "nat", "-N", "TWO"}, {"iptables-legacy", "-N", "THREE"}, {"iptables-legacy", "-N", "FOUR"},
		}, xtables.Legacy, "more chains"},
	} {
		t.Run(name, func(t *testing.T) {
			ns := kit.NewNamespace(t)
			for _, command := range c.commands {
				inside(t, ns, command[0], command[1:]...)
			}
			before := everything(t, ns)
			got, reason := detect(t, ns)
			require.Equal(t, c.want, got, reason)
			require.Contains(t, reason, c.reason)
			require.Equal(t, before, everything(t, ns), "looking writes nothing")
		})
	}
}

// everything is all that a namespace holds for iptables and nftables, down to which tables exist.
func everything(t *testing.T, ns *netns.Namespace) map[string]string {
	t.Helper()
	held := map[string]string{"nft": inside(t, ns, "nft", "list", "ruleset")}
	for _, b := range backends() {
		for _, f := range []iptables.Family{iptables.V4, iptables.V6} {
			held[program(b, f)] = saved(t, ns, b, f)
		}
	}
	require.NoError(t, ns.Do(func() error {
		for _, name := range []string{"/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"} {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			held[name] = string(text)
		}
		return nil
	}))
	return held
}
