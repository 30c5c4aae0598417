package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/guestsettings"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Reasons of the Events on the namespaces of a guest.
const (
	ReasonSuspended = "GuestSuspended"
	ReasonResumed   = "GuestResumed"
)

// guestKeeper keeps the marks of each guest's namespaces as its GuestPolicies say, and the status of these. It runs one guest at a time.
type guestKeeper struct {
	reader    client.Reader // cached
	writer    client.Client
	events    recorder
	logger    *slog.Logger
	kinds     kinds
	cluster   clusterReader
	reports   *guestReports
	tenants   *tenants
	suspended *prometheus.GaugeVec
}

// Reconcile does this for one guest, named as its cluster id, or for the GuestPolicy default and the guests that have no other.
func (k *guestKeeper) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	base, err := policyOf(ctx, k.reader, v1alpha1.DefaultGuestPolicy)
	if err != nil {
		return ctrl.Result{}, err
	}
	if request.Name == v1alpha1.DefaultGuestPolicy {
		again, err := k.report(ctx, base, suspension(specOf(base), guestsettings.Tenant{}, 0), nil)
		return again, errors.Join(k.markPolicyless(ctx, specOf(base)), err)
	}
	own, err := policyOf(ctx, k.reader, request.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	merged := &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: request.Name}, Spec: guestsettings.Merge(specOf(base), specOf(own))}
	spaces, err := spacesOf(ctx, k.reader, request.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	tenants, known := k.tenants.of(request.Name)
	tenant, byTenant := guestsettings.BySuspendingTenant(merged.Spec, tenants)
	want := guestsettings.MarksOf(merged.Spec)
	want.Suspended = want.Suspended || byTenant
	problems := k.markAll(ctx, spaces, request.Name, func(ns *metav1.PartialObjectMetadata) guestsettings.Marks {
		mark := want
		if guestsettings.WantsTenant(merged.Spec) && !known { // until its Tenant has been read, a guest that is suspended stays so
			mark.Suspended = mark.Suspended || apis.IsSuspended(ns.Labels)
		}
		return mark
	})
	k.count(request.Name, want.Suspended, len(spaces) > 0 || own != nil)
	if own == nil {
		k.reports.forget(request.Name)
	}
	if problems != nil {
		return ctrl.Result{}, problems // the status says what holds
	}
	return k.report(ctx, own, suspension(merged.Spec, tenant, len(spaces)), spaces)
}

// markPolicyless marks the namespaces of guests that have no GuestPolicy of their own by their name: without a cluster id, or with "default".
func (k *guestKeeper) markPolicyless(ctx context.Context, spec v1alpha1.GuestPolicySpec) error {
	var problems error
	for _, guest := range []string{"", v1alpha1.DefaultGuestPolicy} {
		spaces, err := spacesOf(ctx, k.reader, guest)
		problems = errors.Join(problems, err)
		problems = errors.Join(problems, k.markAll(ctx, spaces, guest, func(*metav1.PartialObjectMetadata) guestsettings.Marks { return guestsettings.MarksOf(spec) }))
	}
	return problems
}

// policyOf returns a GuestPolicy, nil where there is none of that name.
func policyOf(ctx context.Context, reader client.Reader, name string) (*v1alpha1.GuestPolicy, error) {
	found := &v1alpha1.GuestPolicy{}
	err := reader.Get(ctx, client.ObjectKey{Name: name}, found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read GuestPolicy %s: %w", name, err)
	}
	return found, nil
}

func specOf(p *v1alpha1.GuestPolicy) v1alpha1.GuestPolicySpec {
	if p == nil {
		return v1alpha1.GuestPolicySpec{}
	}
	return p.Spec
}

// markAll gives the namespaces of a guest their marks, several at a time, each whether or not another could be written.
func (k *guestKeeper) markAll(ctx context.Context, spaces []metav1.PartialObjectMetadata, guest string, want func(*metav1.PartialObjectMetadata) guestsettings.Marks) error {
	problems := make([]error, len(spaces))
	group := errgroup.Group{}
	group.SetLimit(atOnce)
	for i := range spaces {
		group.Go(func() error {
			problems[i] = k.mark(ctx, &spaces[i], guest, want(&spaces[i]))
			return nil
		})
	}
	return errors.Join(group.Wait(), errors.Join(problems...))
}

// mark gives a namespace its marks and reports that its guest is suspended, or no longer.
func (k *guestKeeper) mark(ctx context.Context, ns *metav1.PartialObjectMetadata, guest string, want guestsettings.Marks) error {
	have := guestsettings.MarksIn(ns.Labels, ns.Annotations)
	if have == want {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": want.Patch()})
	if err != nil {
		return fmt.Errorf("encode the marks of namespace %s: %w", ns.Name, err)
	}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := k.writer.Patch(ctx, ns.DeepCopy(), client.RawPatch(types.MergePatchType, patch)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("mark namespace %s: %w", ns.Name, err)
	}
	about := &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: ns.Name, UID: ns.UID}}
	switch {
	case want.Suspended && !have.Suspended:
		k.logger.Warn("guest suspended: agents close its pods, and no new one starts", "guest", guest, "namespace", ns.Name)
		k.events.Eventf(about, nil, corev1.EventTypeWarning, ReasonSuspended, "Suspend",
			"guest %q is suspended by its GuestPolicy or Tenant: all its pods here are closed, and no new one starts", guest)
	case !want.Suspended && have.Suspended:
		k.logger.Info("guest active again", "guest", guest, "namespace", ns.Name)
		k.events.Eventf(about, nil, corev1.EventTypeNormal, ReasonResumed, "Resume", "guest %q is active again: its pods here are open", guest)
	default:
		k.logger.Info("namespace marked", "namespace", ns.Name, "guest", guest, "serviceTypes", want.ServiceTypes)
	}
	return nil
}

// count exports whether a guest is suspended; a guest without namespace and policy is forgotten.
func (k *guestKeeper) count(guest string, suspended, known bool) {
	switch {
	case !known:
		k.suspended.DeleteLabelValues(guest)
	case suspended:
		k.suspended.WithLabelValues(guest).Set(1)
	default:
		k.suspended.WithLabelValues(guest).Set(0)
	}
}
