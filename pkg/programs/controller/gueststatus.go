package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/guestsettings"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// namespacesShown bounds the status.
const namespacesShown = 256

// report writes the status of a GuestPolicy, if it differs. merged has what holds; names are the namespaces that bear it. The result says
// when to look again.
func (k *guestKeeper) report(ctx context.Context, policy, merged *v1alpha1.GuestPolicy, names []string) (ctrl.Result, error) {
	if policy == nil {
		return ctrl.Result{}, nil
	}
	again, unshown := ctrl.Result{}, unshown(policy, k.kinds)
	if len(unshown) > 0 {
		again.RequeueAfter = kindsAgain
	}
	next := policy.DeepCopy()
	next.Status.ObservedGeneration = policy.Generation
	if policy.Name != v1alpha1.DefaultGuestPolicy {
		slices.Sort(names)
		next.Status.NamespaceCount = ptr.To(int32(len(names))) //nolint:gosec // a cluster has not that many namespaces
		next.Status.Namespaces = names[:min(len(names), namespacesShown)]
	}
	for _, condition := range []metav1.Condition{accepted(policy, unshown), suspension(merged, len(names))} {
		condition.ObservedGeneration = policy.Generation
		meta.SetStatusCondition(&next.Status.Conditions, condition)
	}
	if equality.Semantic.DeepEqual(policy.Status, next.Status) {
		return again, nil
	}
	if err := k.writer.Status().Patch(ctx, next, client.MergeFrom(policy)); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("write the status of GuestPolicy %s: %w", policy.Name, err)
	}
	return again, nil
}

func accepted(policy *v1alpha1.GuestPolicy, unshown []string) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: "InForce", Message: "all that it says is in force"}
	if len(unshown) > 0 {
		c.Status, c.Reason = metav1.ConditionFalse, "UnknownKind"
		c.Message = strings.Join(unshown, ". ") + ". All else is in force"
	}
	if fields := guestsettings.Unserved(policy.Spec); len(fields) > 0 {
		c.Status, c.Reason = metav1.ConditionFalse, "NotServed"
		c.Message = strings.Join(fields, ", ") + ": this release does not act on it yet; remove it, or take it for a note. All else is in force"
	}
	return c
}

func suspension(merged *v1alpha1.GuestPolicy, spaces int) metav1.Condition {
	if merged.Spec.State == v1alpha1.Suspended {
		return metav1.Condition{
			Type: v1alpha1.ConditionSuspended, Status: metav1.ConditionTrue, Reason: "StateSuspended",
			Message: fmt.Sprintf("%d namespaces are marked: agents close their pods, and no new one starts; set spec.state to Active to end this", spaces),
		}
	}
	return metav1.Condition{Type: v1alpha1.ConditionSuspended, Status: metav1.ConditionFalse, Reason: "StateActive", Message: "pods run as usual"}
}
