package policywatch

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Reasons are why each rule of a generated policy is there, by its place.
type Reasons struct{ Ingress, Egress []string }

// Reasons asks the API server for a policy. Only generated policies have reasons.
func (w *Watch) Reasons(ctx context.Context, policy netpolicy.Key) (Reasons, error) {
	object, err := w.named.NetworkPolicies(policy.Namespace).Get(ctx, policy.Name, metav1.GetOptions{})
	if err != nil {
		return Reasons{}, fmt.Errorf("get NetworkPolicy %s: %w", policy, err)
	}
	if _, generated := object.Labels[apis.LabelWorkloadPolicy]; !generated {
		return Reasons{}, nil
	}
	return reasonsOf(object.Annotations[apis.AnnotationReasons]), nil
}

func reasonsOf(text string) Reasons {
	var r Reasons
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "from "):
			r.Ingress = append(r.Ingress, line)
		case strings.HasPrefix(line, "to "):
			r.Egress = append(r.Egress, line)
		}
	}
	return r
}
