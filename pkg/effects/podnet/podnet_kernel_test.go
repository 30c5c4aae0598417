//go:build kernel

package podnet_test

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/podnet"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/kit"
)

func TestMain(m *testing.M) { kit.Main(m) }

func ip(t *testing.T, n *netns.Namespace, args ...string) string {
	t.Helper()
	var out []byte
	require.NoError(t, n.Do(func() (err error) {
		out, err = exec.Command("ip", args...).CombinedOutput()
		return err
	}), "%v %s", args, out)
	return string(out)
}

func TestPrepare(t *testing.T) {
	pod := kit.NewPod(t).NS
	prepare := func() []string {
		t.Helper()
		changed, err := podnet.Prepare(pod)
		require.NoError(t, err)
		return changed
	}
	require.NoError(t, pod.Do(func() error { kit.Sysctl(t, "net/netfilter/nf_conntrack_acct", "0"); return nil }))
	require.Len(t, prepare(), 6)
	require.Empty(t, prepare())
	require.Contains(t, ip(t, pod, "route", "get", apis.IngressSourceV4().String()), "local")
	require.Contains(t, ip(t, pod, "-6", "route", "get", apis.IngressSourceV6().String()), "local")
	require.NotContains(t, ip(t, pod, "address"), apis.IngressSourceV4().String())
	require.NotContains(t, ip(t, pod, "address"), apis.IngressSourceV6().String())

	t.Run("repairs a route and a parameter", func(t *testing.T) {
		ip(t, pod, "route", "del", "local", apis.IngressSourceV4().String(), "dev", "lo", "table", "local")
		require.NoError(t, pod.Do(func() error { kit.Sysctl(t, "net/ipv4/tcp_fwmark_accept", "1"); return nil }))
		changed := prepare()
		require.Len(t, changed, 2)
		require.Contains(t, changed, "net.ipv4.tcp_fwmark_accept was 1, is 0")
		require.Empty(t, prepare())
	})
}

func TestPrepareAPodWithoutIPv6(t *testing.T) {
	pod := kit.NewPod(t).NS
	require.NoError(t, pod.Do(func() error {
		kit.Sysctl(t, "net/ipv6/conf/all/disable_ipv6", "1")
		kit.Sysctl(t, "net/ipv6/conf/lo/disable_ipv6", "1")
		kit.Sysctl(t, "net/netfilter/nf_conntrack_acct", "0")
		return nil
	}))
	changed, err := podnet.Prepare(pod)
	require.NoError(t, err)
	require.Len(t, changed, 5)
}
