package webhook

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/guestsettings"
	"data-space.liqo.io/pkg/decisions/limits"
	"data-space.liqo.io/pkg/decisions/tolerations"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// guestPolicies returns what holds for a guest at the time of a request. It is safe for concurrent use.
type guestPolicies struct {
	// flags are the settings of guests where no GuestPolicy says otherwise.
	flags admit.Settings
	// policies holds the GuestPolicies; nil: there are none.
	policies client.Reader
}

// Settings returns the settings of a guest, by the watch of GuestPolicies. While that watch has not been filled yet, it waits for it.
func (g guestPolicies) Settings(ctx context.Context, guest string) (admit.Settings, error) {
	if g.policies == nil {
		return g.flags, nil
	}
	merged, err := g.merged(ctx, guest)
	if err != nil {
		return g.flags, err
	}
	return g.flags.For(guest, merged), nil
}

// Tolerations returns the taints that a guest may tolerate, and whether others are reported only (mode Audit).
func (g guestPolicies) Tolerations(ctx context.Context, guest string) (granted []tolerations.Grant, audited bool, err error) {
	if g.policies == nil {
		return nil, false, nil
	}
	merged, err := g.merged(ctx, guest)
	if err != nil || merged.Scheduling == nil {
		return nil, false, err
	}
	for _, taint := range merged.Scheduling.Taints {
		granted = append(granted, tolerations.Grant{Key: string(taint.Key), Value: taint.Value, Effect: taint.Effect})
	}
	return granted, merged.Scheduling.Mode == v1alpha1.Audit, nil
}

// merged returns what the guest's own GuestPolicy and the default one say together.
func (g guestPolicies) merged(ctx context.Context, guest string) (v1alpha1.GuestPolicySpec, error) {
	ctx, cancel := context.WithTimeout(ctx, liveReadTimeout)
	defer cancel()
	base, err := g.spec(ctx, v1alpha1.DefaultGuestPolicy)
	if err != nil {
		return base, err
	}
	own := v1alpha1.GuestPolicySpec{}
	if guest != "" && guest != v1alpha1.DefaultGuestPolicy {
		own, err = g.spec(ctx, guest)
	}
	return guestsettings.Merge(base, own), err
}

// spec returns the spec of a GuestPolicy, an empty one where there is no such policy.
func (g guestPolicies) spec(ctx context.Context, name string) (v1alpha1.GuestPolicySpec, error) {
	policy := &v1alpha1.GuestPolicy{}
	if err := g.policies.Get(ctx, client.ObjectKey{Name: name}, policy); err != nil && !apierrors.IsNotFound(err) {
		return v1alpha1.GuestPolicySpec{}, fmt.Errorf("cannot read GuestPolicy %q: %w; try again, and see the log of %s if it stays", name, err, Name)
	}
	return policy.Spec, nil
}

// audit judges a request whose guest's settings are s by what mode Audit still refuses, if that mode is on. It returns the reasons to
// refuse the request, and those that are reported only.
func audit(s admit.Settings, judge func(admit.Settings) (field.ErrorList, error)) (refused, reported field.ErrorList, err error) {
	problems, err := judge(s)
	if err != nil || !s.Audit || len(problems) == 0 {
		return problems, nil, err
	}
	refused, err = judge(s.Audited())
	if err != nil || len(refused) > 0 {
		return refused, nil, err
	}
	return nil, problems, nil
}

// auditWarnings are what the author of an object is told that mode Audit has admitted.
func auditWarnings(reported field.ErrorList) []string {
	var warnings []string
	for _, problem := range reported {
		warnings = append(warnings, "admitted, since the section workload of the guest's GuestPolicy is in mode Audit: "+problem.Error())
	}
	return limits.Warnings(warnings)
}

// auditCounter counts what mode Audit has admitted, by guest and by what the request was about.
type auditCounter struct{ *prometheus.CounterVec }

// newAuditCounter registers the counter.
func newAuditCounter() (auditCounter, error) {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "data_space_webhook_audited_total",
		Help: "Objects that a guest's GuestPolicy does not allow and that were admitted since its section workload is in mode Audit.",
	}, []string{"guest", "resource"})
	return auditCounter{counter}, metrics.Registry.Register(counter)
}

func (c auditCounter) count(guest string, req admission.Request) {
	if c.CounterVec != nil {
		c.WithLabelValues(guest, about(req)).Inc()
	}
}
