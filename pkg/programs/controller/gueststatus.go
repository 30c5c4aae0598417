package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/guestnet"
	"data-space.liqo.io/pkg/decisions/guestsettings"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// namespacesShown bounds the status.
const namespacesShown = 256

// report writes the status of a GuestPolicy, if it differs. suspended is its condition; spaces are the guest's namespaces. The result says
// when to look again.
func (k *guestKeeper) report(ctx context.Context, policy *v1alpha1.GuestPolicy, suspended metav1.Condition, spaces []metav1.PartialObjectMetadata) (ctrl.Result, error) {
	if policy == nil {
		return ctrl.Result{}, nil
	}
	again, unknown := ctrl.Result{}, unshown(policy, k.kinds)
	if len(unknown) > 0 {
		again.RequeueAfter = kindsAgain
	}
	missing, err := absent(ctx, k.reader, policy)
	if err != nil {
		return ctrl.Result{}, err
	}
	reason, closed, unnamed := k.closed(ctx, policy)
	next := policy.DeepCopy()
	next.Status.ObservedGeneration = policy.Generation
	conditions := []metav1.Condition{accepted(unknown, missing, reason, closed), suspended}
	if policy.Name != v1alpha1.DefaultGuestPolicy {
		names, lost := sortedNames(spaces)
		conditions = append(conditions, intact(lost))
		next.Status.NamespaceCount = ptr.To(int32(len(names))) //nolint:gosec // a cluster has not that many namespaces
		next.Status.Namespaces = names[:min(len(names), namespacesShown)]
		k.reports.status(policy.Name, &next.Status)
	}
	if len(guestnet.NamesOf(policy.Spec.Network)) > 0 {
		conditions = append(conditions, resolved(unnamed))
	} else {
		meta.RemoveStatusCondition(&next.Status.Conditions, v1alpha1.ConditionNamesResolved)
	}
	for _, condition := range conditions {
		condition.ObservedGeneration = policy.Generation
		meta.SetStatusCondition(&next.Status.Conditions, condition)
	}
	if equality.Semantic.DeepEqual(policy.Status, next.Status) {
		return again, nil
	}
	if wait := k.reports.wait(policy.Name, policy.Status, next.Status, time.Now()); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	if err := k.writer.Status().Patch(ctx, next, client.MergeFrom(policy)); client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("write the status of GuestPolicy %s: %w", policy.Name, err)
	}
	return again, nil
}

// Reasons of the condition Accepted where something of the section network opens nothing.
const (
	neverOpened = "NeverOpened" // by what the policy says
	notReadYet  = "NotReadYet"  // until the controller knows what no policy opens
)

// closed returns what of the policy's own section network opens nothing, and the reason, and which names open not all of their addresses.
func (k *guestKeeper) closed(ctx context.Context, policy *v1alpha1.GuestPolicy) (reason string, problems, unnamed []string) {
	if policy.Spec.Network == nil {
		return neverOpened, nil, nil
	}
	if _, known := k.cluster.peers.known(); !known {
		problems = []string{"spec.network: opens nothing new yet: the networks of Liqo's peers have not been read"}
		return notReadYet, problems, problems
	}
	cluster, err := k.cluster.read(ctx)
	if err != nil {
		problems = []string{"spec.network: opens nothing yet: " + err.Error()}
		return notReadYet, problems, problems
	}
	if policy.Name != v1alpha1.DefaultGuestPolicy {
		cluster.Guest = policy.Name
	}
	opened := guestnet.Rules(policy.Spec.Network, cluster)
	return neverOpened, opened.Closed, opened.Unnamed
}

// resolved is the condition of a policy whose names have these problems.
func resolved(problems []string) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionNamesResolved, Status: metav1.ConditionTrue, Reason: "Resolved", Message: "each name opens its addresses"}
	if len(problems) > 0 {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, "NotResolved", joined(problems)
	}
	return c
}

// joined is the message of these problems, of bounded length.
func joined(problems []string) string {
	if more := len(problems) - problemsShown; more > 0 {
		problems = append(slices.Clone(problems[:problemsShown]), fmt.Sprintf("%d more", more))
	}
	return strings.Join(problems, ". ")
}

// problemsShown bounds the condition's message.
const problemsShown = 8

// accepted is the condition of a policy of which these kinds and classes are unknown, and which for this reason does not open what is closed.
func accepted(unknown, missing []string, reason string, closed []string) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: "InForce", Message: "all that it says is in force"}
	problems := slices.Concat(closed, unknown, missing)
	if len(problems) == 0 {
		return c
	}
	c.Status = metav1.ConditionFalse
	switch {
	case len(closed) > 0:
		c.Reason = reason
	case len(unknown) > 0:
		c.Reason = "UnknownKind"
	default:
		c.Reason = "UnknownClass"
	}
	c.Message = joined(problems) + ". All else is in force"
	return c
}

// sortedNames returns the names of namespaces, and of those that have a note that they lost a label.
func sortedNames(spaces []metav1.PartialObjectMetadata) (all, lost []string) {
	for _, ns := range spaces {
		all = append(all, ns.Name)
		if _, noted := ns.Annotations[apis.AnnotationLabelLost]; noted {
			lost = append(lost, ns.Name)
		}
	}
	slices.Sort(all)
	slices.Sort(lost)
	return all, lost
}

// intact is the condition of a guest of which these namespaces have lost a label.
func intact(lost []string) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionLabelsIntact, Status: metav1.ConditionTrue, Reason: "NothingLost", Message: "no namespace has lost a label of Liqo's"}
	if len(lost) == 0 {
		return c
	}
	named := strings.Join(lost[:min(len(lost), problemsShown)], ", ")
	if more := len(lost) - problemsShown; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	c.Status, c.Reason = metav1.ConditionFalse, "LabelLost"
	c.Message = fmt.Sprintf("these namespaces lost a label of Liqo's and stay the guest's: %s. Find out who changed it; their annotation %s has the command that releases a namespace. "+
		"Remove the annotation when you have seen it", named, apis.AnnotationLabelLost)
	return c
}

// suspension is the condition of a guest with these settings, which its Tenant suspends, if one does.
func suspension(spec v1alpha1.GuestPolicySpec, by guestsettings.Tenant, spaces int) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionSuspended, Status: metav1.ConditionTrue}
	marked := fmt.Sprintf("%d namespaces are marked: agents close their pods, and no new one starts; ", spaces)
	switch {
	case spec.State == v1alpha1.Suspended:
		c.Reason, c.Message = "StateSuspended", marked+"set spec.state to Active to end this"
	case by.Guest != "":
		c.Reason, c.Message = "Tenant"+by.Condition, marked+"set spec.tenantCondition of Liqo's Tenant to Active, or spec.suspendWithTenant to Never, to end this"
	default:
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, "StateActive", "pods run as usual"
	}
	return c
}
