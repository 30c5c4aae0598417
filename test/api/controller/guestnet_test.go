//go:build api

package controller

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

func toNetworks(cidrs ...v1alpha1.CIDR) v1alpha1.GuestPolicySpec {
	n := &v1alpha1.Network{}
	for _, cidr := range cidrs {
		n.Egress = append(n.Egress, v1alpha1.EgressRule{To: []v1alpha1.Peer{{IPBlock: &v1alpha1.IPBlock{CIDR: cidr}}}})
	}
	return v1alpha1.GuestPolicySpec{Network: n}
}

// guestNetwork returns what a GuestPolicy opens in a namespace, or nil.
func (w *world) guestNetwork(t *testing.T, namespace string) *networkingv1.NetworkPolicy {
	t.Helper()
	return find(t, w, namespace, apis.GuestNetworkPolicyName, &networkingv1.NetworkPolicy{})
}

// exceptions returns those of the first network that is opened in a namespace.
func (w *world) exceptions(t *testing.T, namespace string) []string {
	t.Helper()
	p := w.guestNetwork(t, namespace)
	if p == nil || len(p.Spec.Egress) == 0 {
		return nil
	}
	return p.Spec.Egress[0].To[0].IPBlock.Except
}

func (w *world) accepted(t *testing.T, policy string) metav1.Condition {
	t.Helper()
	p := &v1alpha1.GuestPolicy{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: policy}, p))
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionAccepted)
	if c == nil || c.ObservedGeneration != p.Generation {
		return metav1.Condition{}
	}
	return *c
}

func (w *world) nodeAt(t *testing.T, name, address string) *corev1.Node {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	require.NoError(t, w.client.Create(t.Context(), node))
	t.Cleanup(func() { require.NoError(t, client.IgnoreNotFound(w.client.Delete(context.Background(), node))) })
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}, {Type: corev1.NodeHostName, Address: name}}
	require.NoError(t, w.client.Status().Update(t.Context(), node))
	return node
}

func TestWhatAGuestPolicyOpensIsANetworkPolicyInEachOfItsNamespaces(t *testing.T) {
	w := newWorld(t)
	w.nodeAt(t, "networks-1", "10.33.0.5")
	w.start(t, "--closed-networks=10.33.9.0/24")
	labels := foreign(apis.LabelRemoteCluster, "reacher")
	one, other := w.namespace(t, labels), w.namespace(t, foreign(apis.LabelRemoteCluster, "other"))
	tenant := w.namespace(t, foreign(apis.LabelRemoteCluster, "reacher", apis.LabelTenantNamespace, "true"))
	without := w.namespace(t, foreign(apis.LabelRemoteCluster, "reacher", apis.LabelApplyNetpol, "false"))

	w.decide(t, "reacher", toNetworks("10.33.0.0/16"))
	eventually(t, "the network is open, without the node and what the Hospital has closed", func() bool {
		return strings.Join(w.exceptions(t, one), " ") == "10.33.0.5/32 10.33.9.0/24"
	})
	late := w.namespace(t, labels)
	eventually(t, "also in a namespace that comes later", func() bool { return w.guestNetwork(t, late) != nil })
	for _, ns := range []string{other, tenant, without} {
		require.Nil(t, w.guestNetwork(t, ns), ns)
	}
	eventually(t, "the condition says that all is in force", func() bool { return w.accepted(t, "reacher").Status == metav1.ConditionTrue })
	eventually(t, "beside the default one", func() bool { return w.networkPolicy(t, one) != nil })

	node := w.nodeAt(t, "networks-2", "10.33.0.4")
	eventually(t, "a node that joins is left out", func() bool {
		return strings.Join(w.exceptions(t, one), " ") == "10.33.0.4/31 10.33.9.0/24"
	})
	require.NoError(t, w.client.Delete(t.Context(), node))
	eventually(t, "until it leaves", func() bool { return len(w.exceptions(t, one)) == 2 && w.exceptions(t, one)[0] == "10.33.0.5/32" })

	policy := w.guestNetwork(t, one)
	policy.Spec.Egress[0].To[0].IPBlock.Except = nil
	require.NoError(t, w.client.Update(t.Context(), policy))
	eventually(t, "a widened policy is restored", func() bool { return len(w.exceptions(t, one)) == 2 })
	eventually(t, "with an Event", func() bool { return w.event(t, one, controller.ReasonRestored) != nil })
	require.NoError(t, w.client.Delete(t.Context(), w.guestNetwork(t, one)))
	eventually(t, "a deleted policy is back", func() bool { return w.guestNetwork(t, one) != nil })

	w.label(t, one, apis.LabelApplyNetpol, "false")
	eventually(t, "it goes with the default policy", func() bool { return w.guestNetwork(t, one) == nil && w.networkPolicy(t, one) == nil })
	w.label(t, one, apis.LabelApplyNetpol, "")
	eventually(t, "and comes with it", func() bool { return w.guestNetwork(t, one) != nil })

	w.decide(t, "reacher", v1alpha1.GuestPolicySpec{})
	eventually(t, "what is not allowed any more is revoked", func() bool { return w.guestNetwork(t, one) == nil && w.guestNetwork(t, late) == nil })
}

func TestWhatNoGuestPolicyOpensIsNamedInItsCondition(t *testing.T) {
	w := newWorld(t)
	w.nodeAt(t, "networks-3", "10.34.0.7")
	w.start(t)
	one := w.namespace(t, foreign(apis.LabelRemoteCluster, "greedy"))
	w.decide(t, "greedy", toNetworks("10.34.0.7/32", "10.36.0.8/29", "10.36.0.9/32"))
	eventually(t, "the node is not opened, and the condition names it", func() bool {
		c := w.accepted(t, "greedy")
		return c.Status == metav1.ConditionFalse && c.Reason == "NeverOpened" && strings.Contains(c.Message, "spec.network.egress[0].to[0].ipBlock: 10.34.0.7/32: each of its addresses")
	})
	eventually(t, "all else is", func() bool { return w.guestNetwork(t, one) != nil })
	require.Len(t, w.guestNetwork(t, one).Spec.Egress, 1)
	require.Equal(t, "10.36.0.8/29", w.guestNetwork(t, one).Spec.Egress[0].To[0].IPBlock.CIDR)
	require.Equal(t, []string{"10.36.0.9/32"}, w.exceptions(t, one), "the API server")

	w.decide(t, v1alpha1.DefaultGuestPolicy, toNetworks("0.0.0.0/0"))
	w.decide(t, "greedy", v1alpha1.GuestPolicySpec{})
	eventually(t, "default holds for a guest without a section of its own: the Internet, and nothing private", func() bool {
		return strings.Contains(strings.Join(w.exceptions(t, one), " "), "10.0.0.0/8")
	})
	require.Contains(t, w.exceptions(t, one), "169.254.0.0/16")
	w.decide(t, v1alpha1.DefaultGuestPolicy, v1alpha1.GuestPolicySpec{})
	eventually(t, "and is revoked", func() bool { return w.guestNetwork(t, one) == nil })
}

func TestTheGuestsHomeIsOpenedOnlyWhereThePolicySaysSo(t *testing.T) {
	w := newWorld(t)
	w.define(t, "networking.liqo.io", "configurations", "Configuration")
	home := w.namespace(t, foreign(apis.LabelRemoteCluster, "homesick", apis.LabelTenantNamespace, "true"))
	configuration := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.liqo.io/v1beta1", "kind": "Configuration",
		"metadata": map[string]any{"namespace": home, "name": "homesick", "labels": map[string]any{apis.LabelRemoteCluster: "homesick"}},
		"status":   map[string]any{"remote": map[string]any{"cidr": map[string]any{"pod": []any{"10.41.0.0/16"}, "external": []any{"10.42.0.0/16"}}}},
	}}
	eventually(t, "the kind is served", func() bool {
		err := w.client.Create(t.Context(), configuration)
		return err == nil || apierrors.IsAlreadyExists(err)
	})
	one := w.namespace(t, foreign(apis.LabelRemoteCluster, "homesick"))
	w.start(t)
	spec := toNetworks("10.40.0.0/14")
	w.decide(t, "homesick", spec)
	eventually(t, "a network that contains the guest's home is opened without it", func() bool {
		return strings.Join(w.exceptions(t, one), " ") == "10.41.0.0/16 10.42.0.0/16"
	})
	spec.Network.HomeAPI = v1alpha1.Allowed
	w.decide(t, "homesick", spec)
	eventually(t, "homeAPI opens the external network", func() bool {
		p := w.guestNetwork(t, one)
		return len(p.Spec.Egress) == 2 && p.Spec.Egress[1].To[0].IPBlock.CIDR == "10.42.0.0/16"
	})
	require.NoError(t, w.client.Delete(t.Context(), configuration))
	eventually(t, "until the peering ends", func() bool { return len(w.guestNetwork(t, one).Spec.Egress) == 1 })
	eventually(t, "and the condition names it", func() bool {
		return strings.Contains(w.accepted(t, "homesick").Message, "spec.network.homeAPI: no external network of this guest is known")
	})
}
