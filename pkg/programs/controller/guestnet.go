package controller

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/decisions/guestnet"
	"data-space.liqo.io/pkg/decisions/guestsettings"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// apiServerSlice is the EndpointSlice in which the API server writes its own addresses.
const apiServerSlice = "kubernetes"

// networkKeeper keeps in each foreign namespace the NetworkPolicy of what the guest's GuestPolicy opens, several at a time.
type networkKeeper struct {
	*reconciler
	cluster clusterReader
}

// clusterReader reads what a GuestPolicy never opens.
type clusterReader struct {
	nodes client.Reader
	// own has the policies of this keeper, and the EndpointSlice of the API server.
	own client.Reader
	// peers are Liqo's.
	peers *peers
	// names are the hosts that GuestPolicies name, and domain is that of the cluster's own.
	names  *names
	domain string
	// more are networks that the Hospital has added.
	more []netip.Prefix
}

// Reconcile does this for one namespace.
func (k *networkKeeper) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	ns, verdict, err := k.namespace(ctx, request.Name)
	if err != nil || ns.DeletionTimestamp != nil {
		return ctrl.Result{}, err
	}
	have, err := get(ctx, k.cluster.own, request.Name, apis.GuestNetworkPolicyName, &networkingv1.NetworkPolicy{})
	if err != nil {
		return ctrl.Result{}, err
	}
	want, err := k.wanted(ctx, ns.Name, verdict)
	if err != nil {
		return ctrl.Result{}, err
	}
	if _, known := k.cluster.peers.known(); want != nil && (!known || !k.cluster.names.ready()) {
		return ctrl.Result{}, nil // what there is stays; all are decided when the peers and the names are known
	}
	return ctrl.Result{}, k.settle(ctx, ns, guard.NetworkPolicyStep(want, have), object(want), object(have))
}

// wanted is nil where nothing is opened, and where the Hospital wants no NetworkPolicy: one would close what is open there.
func (k *networkKeeper) wanted(ctx context.Context, namespace string, verdict guard.Verdict) (*networkingv1.NetworkPolicy, error) {
	if !verdict.NetworkPolicy {
		return nil, nil
	}
	section, err := k.section(ctx, verdict.GuestID)
	if err != nil || section == nil {
		return nil, err
	}
	owner, err := k.installation(ctx)
	if err != nil {
		return nil, err
	}
	cluster, err := k.cluster.read(ctx)
	if err != nil {
		return nil, err
	}
	cluster.Guest = verdict.GuestID
	opened := guestnet.Rules(section, cluster)
	return guard.GuestNetworkPolicy(guard.Namespace{Name: namespace, Installation: owner}, opened.Ingress, opened.Egress), nil
}

// section returns what holds for a guest.
func (k *networkKeeper) section(ctx context.Context, guest string) (*v1alpha1.Network, error) {
	base, err := policyOf(ctx, k.reader, v1alpha1.DefaultGuestPolicy)
	if err != nil || guest == "" || guest == v1alpha1.DefaultGuestPolicy {
		return specOf(base).Network, err
	}
	own, err := policyOf(ctx, k.reader, guest)
	return guestsettings.Merge(specOf(base), specOf(own)).Network, err
}

// read fails while the API server's own addresses are unknown: nothing is opened before.
func (r clusterReader) read(ctx context.Context) (guestnet.Cluster, error) {
	c := guestnet.Cluster{Installation: apis.SystemNamespace, Addresses: append([]netip.Prefix{}, r.more...), Names: r.names.resolution, Domain: r.domain}
	c.Peers, _ = r.peers.known()
	nodes := &corev1.NodeList{}
	if err := r.nodes.List(ctx, nodes, client.UnsafeDisableDeepCopy); err != nil {
		return c, fmt.Errorf("list the nodes, whose addresses no GuestPolicy opens: %w", err)
	}
	for i := range nodes.Items {
		c.Addresses = append(c.Addresses, nodePrefixes(&nodes.Items[i])...)
	}
	slices := &discoveryv1.EndpointSliceList{}
	if err := r.own.List(ctx, slices); err != nil {
		return c, fmt.Errorf("read the addresses of the API server, which no GuestPolicy opens: %w", err)
	}
	known := len(c.Addresses)
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			c.Addresses = append(c.Addresses, hosts(endpoint.Addresses...)...)
		}
	}
	if len(c.Addresses) == known {
		return c, fmt.Errorf("the addresses of the API server are not known: EndpointSlice %s/%s has none; no GuestPolicy opens a network before it has", corev1.NamespaceDefault, apiServerSlice)
	}
	return c, nil
}

// nodePrefixes returns a node's addresses, and the networks of its pods where the cluster assigns them.
func nodePrefixes(node *corev1.Node) []netip.Prefix {
	var all []netip.Prefix
	for _, a := range node.Status.Addresses {
		all = append(all, hosts(a.Address)...)
	}
	for _, cidr := range node.Spec.PodCIDRs {
		if p, err := netip.ParsePrefix(cidr); err == nil {
			all = append(all, p.Masked())
		}
	}
	return all
}

// hosts leaves out what is no address, such as a host's name.
func hosts(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			addr = addr.Unmap().WithZone("")
			all = append(all, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	return all
}
