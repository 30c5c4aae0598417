//go:build lab

package lab

import (
	"maps"
	"testing"

	"data-space.liqo.io/pkg/values/apis"
)

// TestForeignPodsAreJudgedBehindTheirProxies: what a guest's pod sends comes from its proxy, and what it gets passes it; both
// are the pod's all the same. The policy is the controller's own.
func TestForeignPodsAreJudgedBehindTheirProxies(t *testing.T) {
	world := deployed(t)
	guest := newTown(t, world, "guest-space", map[string]string{apis.LabelRemoteCluster: "guest"}, "g1", "g2")
	other := newTown(t, world, "other-space", map[string]string{apis.LabelRemoteCluster: "other"}, "h1")
	own := newTown(t, world, "town-space", nil, "a1", "a2")
	own.machines(t)
	own.serve(t, "a1", "a2")
	maps.Copy(own.homes, guest.homes)
	maps.Copy(own.homes, other.homes)
	ofMachines := []string{
		"g1 > node1:18080 no", "g1 > node2:18080 no", "g2 > node1:18080 no", "g2 > node2:18080 no",
		"node1 > g1:8080 yes", "node2 > g2:8080 yes", "node1 > g2:8080 no", "node2 > g1:8080 no", "control > g1:8080 no",
	}
	closedToGuests := []string{
		"g1 > a1:8080 no", "g1 > a2:8080 no", "g2 > a1:8080 no", "g1 > service-a1:80 no", "g1 > service-a2:80 no", "g2 > service-a1:80 no",
		"a1 > g1:8080 no", "a1 > g2:8080 no", "a2 > g1:8080 no",
	}
	openToGuests := []string{
		"g1 > a1:8080 yes", "g1 > a2:8080 yes", "g2 > a1:8080 yes", "g2 > a2:9090 yes", "g1 > service-a1:80 yes", "g1 > service-a2:80 yes",
		"g2 > service-a2:80 yes", "a1 > g1:8080 yes", "a1 > g2:8080 yes", "a2 > g1:8080 yes", "h1 > a2:8080 yes",
	}
	t.Run("what the Hospital has not allowed is closed, both ways", func(t *testing.T) { own.see(t, closedToGuests...) })
	t.Run("guests reach their own, and no other guest's", func(t *testing.T) {
		own.see(t, "g1 > g2:8080 yes", "g2 > g1:8080 yes", "g1 > h1:8080 no", "h1 > g1:8080 no", "h1 > g2:8080 no")
	})
	t.Run("a node is no way out, neither the pod's nor another; only the pod's own reaches it", func(t *testing.T) { own.see(t, ofMachines...) })
	t.Run("a label of the Hospital opens a namespace", func(t *testing.T) {
		own.label(t, apis.LabelNetpolAllow, "true")
		own.see(t, openToGuests...)
		own.see(t, ofMachines...)
	})
	t.Run("what is open to guests, a policy of the Hospital closes on its side", func(t *testing.T) {
		own.apply(t, `a-closed: podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]`)
		own.see(t, "g1 > a1:8080 no", "g1 > a2:8080 no", "g2 > service-a1:80 no", "a1 > g2:8080 yes")
		own.clear(t)
		own.see(t, openToGuests...)
	})
	t.Run("without the label it is closed again, and what ran by the proxies ends", func(t *testing.T) {
		near, far, in, inside := own.flow(t, "g1 > a1:8080"), own.flow(t, "g1 > a2:8080"), own.flow(t, "a2 > g1:8080"), own.flow(t, "g1 > g2:8080")
		own.label(t, apis.LabelNetpolAllow, nil)
		near.requireEnds(t)
		far.requireEnds(t)
		in.requireEnds(t)
		inside.requireGoesOn(t)
		own.see(t, closedToGuests...)
	})
	t.Run("a label opens a single pod", func(t *testing.T) {
		kubectl(t, "", "label", "pod", "-n", own.name, "a2", apis.LabelNetpolAllow+"=true")
		own.see(t, "g1 > a2:8080 yes", "g2 > a2:8080 yes", "g1 > a1:8080 no", "a2 > g1:8080 yes", "a1 > g1:8080 no")
	})
}
