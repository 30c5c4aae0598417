package webhook

import (
	"context"
	"slices"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// liveCluster reads from the API server itself: what it is asked about is rare, and must be what is there now.
type liveCluster struct{ clients kubernetes.Interface }

// NodeTaints implements cluster.
func (c liveCluster) NodeTaints(ctx context.Context, name string) ([]corev1.Taint, error) {
	ctx, cancel := context.WithTimeout(ctx, liveReadTimeout)
	defer cancel()
	node, err := c.clients.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return node.Spec.Taints, nil
}

// ClassTolerations implements cluster.
func (c liveCluster) ClassTolerations(ctx context.Context, name string) ([]corev1.Toleration, error) {
	ctx, cancel := context.WithTimeout(ctx, liveReadTimeout)
	defer cancel()
	class, err := c.clients.NodeV1().RuntimeClasses().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil || class.Scheduling == nil {
		return nil, err
	}
	return class.Scheduling.Tolerations, nil
}

// The verbs of which RBAC is asked. A rule that grants every verb grants the second one, too: it was not written for reserved nodes, and does not count.
const (
	verbTolerate = "tolerate"
	verbNoRule   = "tolerate-by-wildcard"
)

// MayTolerate implements cluster.
func (c liveCluster) MayTolerate(ctx context.Context, user authenticationv1.UserInfo, taint string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, liveReadTimeout)
	defer cancel()
	granted, err := c.allowed(ctx, user, verbTolerate, taint)
	if err != nil || !granted {
		return false, err
	}
	wildcard, err := c.allowed(ctx, user, verbNoRule, taint)
	return !wildcard, err
}

func (c liveCluster) allowed(ctx context.Context, user authenticationv1.UserInfo, verb, taint string) (bool, error) {
	extra := map[string]authorizationv1.ExtraValue{}
	for name, values := range user.Extra {
		extra[name] = slices.Clone(authorizationv1.ExtraValue(values))
	}
	review, err := c.clients.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user.Username, Groups: user.Groups, UID: user.UID, Extra: extra,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: v1alpha1.Group, Version: v1alpha1.Version, Resource: "protectedtaints", Name: taint, Verb: verb,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}
