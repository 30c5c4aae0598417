package policywatch

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The reasons why a node is not reported.
var (
	ErrRefused = errors.New("refused by the API server") // it answered and does not let us in
	errNoNode  = errors.New("there is no such node")
)

// Node has the fields of a Node object that the agent uses.
type Node struct {
	Addresses []netip.Addr   // by which the cluster reaches it
	PodCIDRs  []netip.Prefix // prefixes of its pods; empty: not reported
}

// Node asks the API server for a node.
func (w *Watch) Node(ctx context.Context, name string) (Node, error) {
	object, err := w.core.Nodes().Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return Node{}, fmt.Errorf("node %s: %w", name, errNoNode)
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return Node{}, fmt.Errorf("get node %s: %w: %w", name, ErrRefused, err)
	case err != nil:
		return Node{}, fmt.Errorf("get node %s: %w", name, err)
	}
	return nodeOf(object), nil
}

func nodeOf(object *corev1.Node) Node {
	var out Node
	for _, a := range object.Status.Addresses {
		if ip, err := netip.ParseAddr(a.Address); err == nil && a.Type == corev1.NodeInternalIP {
			out.Addresses = append(out.Addresses, ip.Unmap())
		}
	}
	ranges := object.Spec.PodCIDRs
	if len(ranges) == 0 && object.Spec.PodCIDR != "" {
		ranges = []string{object.Spec.PodCIDR}
	}
	for _, text := range ranges {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			out.PodCIDRs = append(out.PodCIDRs, prefix.Masked())
		}
	}
	return out
}
