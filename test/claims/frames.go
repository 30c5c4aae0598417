package claims

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/test/podcapture"
)

// frameKind is an EtherType.
type frameKind struct {
	name   string
	number uint16
}

// frameKinds are what protocols beside IP send, and IPv4 as the control of the guest's own link.
func frameKinds() []frameKind {
	return []frameKind{{"PPPoE", 0x8864}, {"AppleTalk", 0x809b}, {"IPX", 0x8137}, {"TIPC", 0x88ca}, {"IPv4", 0x0800}}
}

// frames sends a frame of each kind from each of the guest's pods, and from an unguarded one.
func (w *World) frames(ctx context.Context) (string, error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	unguarded, err := w.pods(ctx, hospitalSpace, "")
	if err != nil {
		return "", err
	}
	control, err := w.arriving(ctx, unguarded[0])
	if err != nil {
		return "", err
	}
	lines := []string{"from " + unguarded[0].Name + ": " + strings.Join(control, ", ")}
	for _, kind := range frameKinds() {
		if !slices.Contains(control, kind.name) {
			return "", fmt.Errorf("a frame of %s does not arrive from %s, which is unguarded: the row proves nothing", kind.name, unguarded[0].Name)
		}
	}
	for _, pod := range guests {
		arrived, err := w.arriving(ctx, pod)
		if err != nil {
			return "", err
		}
		if !slices.Equal(arrived, []string{"IPv4"}) {
			return "", fmt.Errorf("from the guest's %s arrive %s, and IPv4 alone may", pod.Name, strings.Join(arrived, ", "))
		}
		lines = append(lines, "from the guest's on "+pod.Spec.NodeName+": IPv4")
	}
	return strings.Join(lines, "; "), nil
}

// arriving names the kinds of frames that arrive on the node from a pod's link.
func (w *World) arriving(ctx context.Context, pod corev1.Pod) ([]string, error) {
	inside, err := PodNetwork(pod)
	if err != nil {
		return nil, err
	}
	defer inside.Close()
	node, err := w.nodeNetwork(ctx, pod.Spec.NodeName)
	if err != nil {
		return nil, err
	}
	defer node.Close()
	names := []string{}
	for _, kind := range frameKinds() {
		arrives, err := podcapture.Arrives(node, inside, kind.number)
		if err != nil {
			return nil, fmt.Errorf("a frame of %s from %s: %w", kind.name, pod.Name, err)
		}
		if arrives {
			names = append(names, kind.name)
		}
	}
	return names, nil
}
