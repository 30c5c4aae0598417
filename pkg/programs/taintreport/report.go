package taintreport

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/guestsettings"
	"data-space.liqo.io/pkg/decisions/tolerations"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// ReasonViolated is the reason of the Event on a ProtectedTaint that pods violate which run already.
const ReasonViolated = "ProtectedTaintViolated"

const (
	// period is the time between two looks at all pods while a taint is protected.
	period = time.Minute
	// restFactor bounds the part of the time that looking takes.
	restFactor = 20
	// pageSize is how many pods are held at a time. One has up to 1.5 MB, and takes six while it is read; a guest chooses that, and the controller has 192 MiB.
	pageSize = 8
	// shown is how many pods a condition names, and shownInEvent an Event.
	shown, shownInEvent = 10, 2
)

// recorder is the part of an event recorder that is used.
type recorder interface {
	// Eventf emits an Event on regarding, in the background; failures are logged by the recorder.
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// reporter looks at all pods while a taint is protected.
type reporter struct {
	cached client.Reader // ProtectedTaints, GuestPolicies, guests' namespaces
	live   client.Reader // pods
	writer client.StatusClient
	exempt []string
	events recorder
	count  *prometheus.GaugeVec
	logger *slog.Logger
}

// violations are the pods that violate one ProtectedTaint.
type violations struct {
	count int32
	pods  []string // the first ones
}

// Reconcile looks once.
func (r *reporter) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	began := time.Now()
	var taints v1alpha1.ProtectedTaintList
	if err := r.cached.List(ctx, &taints); err != nil {
		return ctrl.Result{}, fmt.Errorf("list ProtectedTaints: %w", err)
	}
	if len(taints.Items) == 0 {
		r.count.Reset()
		return ctrl.Result{}, nil
	}
	found, err := r.look(ctx, taints.Items)
	if err != nil {
		return ctrl.Result{}, err
	}
	r.count.Reset()
	for i := range taints.Items {
		taint := &taints.Items[i]
		r.count.WithLabelValues(taint.Name).Set(float64(found[taint.Name].count))
		if err := r.report(ctx, taint, found[taint.Name]); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: max(period, restFactor*time.Since(began))}, nil
}

// look reads all pods, page by page.
func (r *reporter) look(ctx context.Context, taints []v1alpha1.ProtectedTaint) (map[string]violations, error) {
	policy, since := policyOf(taints)
	subjects, err := r.subjects(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]violations{}
	options := &client.ListOptions{Limit: pageSize, FieldSelector: fields.AndSelectors(
		fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)), fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)))}
	for {
		var page corev1.PodList
		if err := r.live.List(ctx, &page, options); err != nil {
			return nil, fmt.Errorf("list pods: %w", err)
		}
		for i := range page.Items {
			pod := &page.Items[i]
			subject, judged := subjects(pod)
			if !judged {
				continue
			}
			for _, name := range policy.Running(subject, pod, func(taint string) time.Time { return since[taint] }) {
				v := found[name]
				v.count++
				if len(v.pods) < shown {
					v.pods = append(v.pods, pod.Namespace+"/"+pod.Name)
				}
				found[name] = v
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			return found, nil
		}
	}
}

func policyOf(taints []v1alpha1.ProtectedTaint) (*tolerations.Policy, map[string]time.Time) {
	since := map[string]time.Time{}
	var all []tolerations.Taint
	for i := range taints {
		all = append(all, tolerations.TaintOf(&taints[i]))
		since[taints[i].Name] = taints[i].CreationTimestamp.Time
	}
	return tolerations.New(all), since
}

// subjects returns a function that returns the subject of a pod, and false for a pod that is exempt or whose guest's settings only report.
func (r *reporter) subjects(ctx context.Context) (func(*corev1.Pod) (tolerations.Subject, bool), error) {
	spaces := &metav1.PartialObjectMetadataList{}
	spaces.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := r.cached.List(ctx, spaces); err != nil {
		return nil, fmt.Errorf("list guests' namespaces: %w", err)
	}
	var policies v1alpha1.GuestPolicyList
	if err := r.cached.List(ctx, &policies); err != nil {
		return nil, fmt.Errorf("list GuestPolicies: %w", err)
	}
	specs := map[string]v1alpha1.GuestPolicySpec{}
	for _, p := range policies.Items {
		specs[p.Name] = p.Spec
	}
	labels := map[string]map[string]string{}
	for _, ns := range spaces.Items {
		labels[ns.Name] = apis.Settled(ns.Labels, ns.Annotations)
	}
	return func(pod *corev1.Pod) (tolerations.Subject, bool) {
		if tolerations.ExemptNamespace(pod.Namespace, r.exempt) || mirror(pod) {
			return tolerations.Subject{}, false
		}
		side, guest := tolerations.SideOf(labels[pod.Namespace])
		if side != tolerations.Guests {
			return tolerations.Subject{}, side == tolerations.Authors
		}
		own := v1alpha1.GuestPolicySpec{}
		if guest != v1alpha1.DefaultGuestPolicy {
			own = specs[guest]
		}
		granted, audited := tolerations.Granted(guestsettings.Merge(specs[v1alpha1.DefaultGuestPolicy], own))
		return tolerations.Subject{Granted: granted}.In(pod.Namespace, guest), !audited
	}, nil
}

// mirror reports whether a pod stands for a static pod of its node.
func mirror(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	return pod.Annotations[corev1.MirrorPodAnnotationKey] != "" && owner != nil && owner.Kind == "Node"
}

// report writes the status of a ProtectedTaint if it differs, and makes an Event when the first pods are found.
func (r *reporter) report(ctx context.Context, taint *v1alpha1.ProtectedTaint, v violations) error {
	next := taint.DeepCopy()
	next.Status.ObservedGeneration = taint.Generation
	next.Status.Violations = ptr.To(v.count)
	condition := conditionOf(v)
	condition.ObservedGeneration = taint.Generation
	meta.SetStatusCondition(&next.Status.Conditions, condition)
	if equality.Semantic.DeepEqual(taint.Status, next.Status) {
		return nil
	}
	if err := r.writer.Status().Patch(ctx, next, client.MergeFrom(taint)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("write the status of ProtectedTaint %s: %w", taint.Name, err)
	}
	if v.count > 0 && ptr.Deref(taint.Status.Violations, 0) == 0 {
		note := noteOf(v, shownInEvent)
		r.logger.Warn(note, "protectedTaint", taint.Name, "event", ReasonViolated)
		about := &corev1.ObjectReference{APIVersion: v1alpha1.GroupVersion().String(), Kind: "ProtectedTaint", Name: taint.Name, UID: taint.UID}
		r.events.Eventf(about, nil, corev1.EventTypeWarning, ReasonViolated, "Report", "%s", note)
	}
	return nil
}

func conditionOf(v violations) metav1.Condition {
	if v.count == 0 {
		return metav1.Condition{Type: v1alpha1.ConditionRespected, Status: metav1.ConditionTrue, Reason: "NoViolations", Message: "no running pod would be refused now"}
	}
	return metav1.Condition{Type: v1alpha1.ConditionRespected, Status: metav1.ConditionFalse, Reason: "PodsRun", Message: noteOf(v, shown)}
}

func noteOf(v violations, most int) string {
	text := strings.Join(v.pods[:min(len(v.pods), most)], ", ")
	if more := int(v.count) - min(len(v.pods), most); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%d running pods tolerate the taint and would be refused now: %s; delete them, or give their authors the right", v.count, text)
}
