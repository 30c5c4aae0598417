//go:build kernel

package kernel_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/test/kit"
)

// kubectl port-forward is a process of the container runtime, which calls a port on loopback in the pod's network namespace.
func TestAProcessOfNoneOfThePodsContainers(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world, f family) {
		stranger := kit.NewActor(t, kit.Identity{NS: w.NS, Cgroup: kit.NewCgroup(t, "containerd.service")})
		explicit := kit.Talk{Dial: tcp(at(f.loopback, apis.PortEgressHTTP)), Send: "GET"}
		t.Run("uses the explicit proxy where no rule looks at it", func(t *testing.T) {
			defer w.enforce(w.bound())
			w.enforce(without(w.bound(), "ds-out-stranger"))
			got, err := stranger.Talk(explicit)
			require.NoError(t, err)
			require.Equal(t, "explicit GET", got.Text)
		})
		t.Run("is refused at every port of the proxy, and counted", func(t *testing.T) {
			for _, port := range []uint16{apis.PortEgressTCP, apis.PortEgressHTTP, apis.PortIngressTCP, apis.PortReady} {
				w.requireCounted(t, f, "ds-out-stranger", func() {
					_, err := stranger.Dial(short(tcp(at(f.loopback, port))))
					require.ErrorContains(t, err, "refused", "port %d", port)
				})
				_, err := stranger.Dial(short(tcp(at(f.pod, port))))
				require.ErrorContains(t, err, "refused", "port %d", port)
			}
		})
		t.Run("calls the application", func(t *testing.T) {
			got, err := stranger.Talk(kit.Talk{Dial: tcp(at(f.loopback, 8081)), Send: "hello"})
			require.NoError(t, err)
			require.Equal(t, "past the proxy hello", got.Text)
		})
		t.Run("gets no more out than the application does", func(t *testing.T) {
			w.wire.Take()
			got, err := stranger.Talk(kit.Talk{Dial: tcp(at(f.far, 80)), Send: "hello"})
			require.NoError(t, err)
			require.Equal(t, "egress hello", got.Text, "it is led to the proxy")
			_, err = stranger.Talk(kit.Talk{Dial: short(udp(at(f.far, 9))), Send: secret})
			require.Error(t, err)
			w.requireSecretKept(t)
		})
		t.Run("of a pod whose control group is not known: nor do its applications use the explicit proxy", func(t *testing.T) {
			defer w.enforce(w.bound())
			unknown := w.bound()
			for i := range unknown {
				unknown[i] = redirect.Plan(redirect.Settings{IPv6: true}, redirect.Proxy{Cgroup: w.cgroups.proxy.Path})[i]
			}
			w.enforce(unknown)
			_, err := w.app.Dial(short(explicit.Dial))
			require.ErrorContains(t, err, "refused")
			w.requireRedirected(t, tcp(at(f.far, 80)))
		})
	})
}

// without takes a rule away.
func without(sets []iptables.Ruleset, comment string) []iptables.Ruleset {
	for i := range sets {
		sets[i] = sets[i].Edit(func(_, _ string, r iptables.Rule) iptables.Rule { return r }) // a copy
		for _, table := range sets[i].Tables {
			for j, c := range table.Chains {
				table.Chains[j].Rules = slices.DeleteFunc(c.Rules, func(r iptables.Rule) bool { return r.Comment == comment })
			}
		}
	}
	return sets
}
