package guestreport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/nodelease"
)

const (
	// period is the time between two rounds, again that after which a report is written although it is as before: someone may have changed it.
	period, again = 15 * time.Second, 10 * time.Minute
	// most bounds the namespaces that have a report.
	most = 5000
)

// reporter writes reports. One goroutine uses it.
type reporter struct {
	cached client.Reader
	writer client.Client
	mapper meta.RESTMapper
	log    *slog.Logger

	wrote   map[string]written // by namespace
	trouble string             // the failure that was logged; "": none since
}

// written is what was last written into a namespace.
type written struct {
	report *unstructured.Unstructured
	guest  string
	at     time.Time
}

// Addition is what the controller's manager gets for the reports. Where the cluster has no kind Report of OpenReports, nothing is written.
func Addition(logger *slog.Logger) func(ctrl.Manager) error {
	return func(m ctrl.Manager) error {
		r := &reporter{cached: m.GetCache(), writer: m.GetClient(), mapper: m.GetRESTMapper(), log: logger, wrote: map[string]written{}}
		return m.Add(manager.RunnableFunc(r.run))
	}
}

func (r *reporter) run(ctx context.Context) error {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		r.note(ctx, r.round(ctx, time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// note logs a failure once.
func (r *reporter) note(ctx context.Context, err error) {
	text := ""
	if err != nil && ctx.Err() == nil {
		text = err.Error()
	}
	if text != "" && text != r.trouble {
		r.log.Error("guests' reports cannot be written; is the component deploy/reports applied?", "error", err)
	}
	r.trouble = text
}

// round writes the reports that differ.
func (r *reporter) round(ctx context.Context, now time.Time) error {
	_, err := r.mapper.RESTMapping(schema.GroupKind{Group: "openreports.io", Kind: "Report"}, "v1alpha1")
	if meta.IsNoMatchError(err) {
		clear(r.wrote)
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the kind Report: %w", err)
	}
	states, err := r.states(ctx)
	if err != nil {
		return err
	}
	var problems error
	for _, s := range states {
		if err := r.write(ctx, s, now); err != nil {
			problems = errors.Join(problems, fmt.Errorf("namespace %s: %w", s.namespace, err))
			if len(r.wrote) == 0 {
				return problems // a right is missing: it is for all
			}
		}
	}
	return problems
}

// write writes a namespace's report and binding, unless they were written.
func (r *reporter) write(ctx context.Context, s state, now time.Time) error {
	before, report := r.wrote[s.namespace], s.object()
	if before.guest == s.guest && now.Sub(before.at) < again && equality.Semantic.DeepEqual(before.report, report) {
		return nil
	}
	for _, o := range []*unstructured.Unstructured{report, s.binding()} {
		apply := client.ApplyConfigurationFromUnstructured(o.DeepCopy())
		if err := r.writer.Apply(ctx, apply, client.FieldOwner(apis.ControllerName), client.ForceOwnership); err != nil {
			return fmt.Errorf("write %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	r.wrote[s.namespace] = written{report: report, guest: s.guest, at: now}
	return nil
}

// states lists the guests' namespaces, with what the agents report of each guest's pods.
func (r *reporter) states(ctx context.Context) ([]state, error) {
	spaces := &metav1.PartialObjectMetadataList{}
	spaces.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := r.cached.List(ctx, spaces); err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	var leases coordinationv1.LeaseList
	if err := r.cached.List(ctx, &leases, client.InNamespace(apis.SystemNamespace), client.HasLabels{nodelease.Label}); err != nil {
		return nil, fmt.Errorf("list the agents' Leases: %w", err)
	}
	reported := map[string][]nodelease.GuestPods{}
	for i := range leases.Items {
		if lease, ok := nodelease.Read(&leases.Items[i]); ok {
			for _, g := range nodelease.DecodeGuests(lease.Guests) {
				reported[g.Guest] = append(reported[g.Guest], g)
			}
		}
	}
	var states []state
	there := map[string]bool{}
	for _, ns := range spaces.Items {
		if guest := apis.Guest(ns.Labels); apis.IsForeign(ns.Labels) && guest != "" && ns.DeletionTimestamp == nil && len(states) < most {
			states = append(states, state{guest: guest, namespace: ns.Name, suspended: apis.IsSuspended(ns.Labels), nodes: reported[guest]})
			there[ns.Name] = true
		}
	}
	for name := range r.wrote {
		if !there[name] {
			delete(r.wrote, name)
		}
	}
	return states, nil
}
