package webhook

import (
	"context"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	// prepared keeps what was made of the policies until one of them changes; nil: nothing is kept.
	prepared *prepared
}

// holding is what holds for a guest, ready for decisions. It is immutable.
type holding struct {
	settings admit.Settings
	// subject is the guest with what it may tolerate; audited says that other tolerations are reported only (mode Audit).
	subject tolerations.Subject
	audited bool
}

// Settings returns the settings of a guest, by the watch of GuestPolicies. While that watch has not been filled yet, it waits for it.
func (g guestPolicies) Settings(ctx context.Context, guest string) (admit.Settings, error) {
	found, err := g.holding(ctx, guest)
	if err != nil {
		return g.flags, err
	}
	return found.settings, nil
}

// Tolerations returns a guest with the taints that it may tolerate, and whether others are reported only (mode Audit).
func (g guestPolicies) Tolerations(ctx context.Context, guest string) (who tolerations.Subject, audited bool, err error) {
	found, err := g.holding(ctx, guest)
	return found.subject, found.audited, err
}

// holding returns what the guest's own GuestPolicy and the default one say together.
func (g guestPolicies) holding(ctx context.Context, guest string) (holding, error) {
	if g.policies == nil {
		return holding{settings: g.flags, subject: tolerations.Subject{Guest: guest}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, liveReadTimeout)
	defer cancel()
	base, err := g.policy(ctx, v1alpha1.DefaultGuestPolicy)
	if err != nil {
		return holding{}, err
	}
	own := &v1alpha1.GuestPolicy{}
	if guest != "" && guest != v1alpha1.DefaultGuestPolicy {
		if own, err = g.policy(ctx, guest); err != nil {
			return holding{}, err
		}
	}
	return g.prepared.of(guest, base, own, g.prepare), nil
}

// policy returns the GuestPolicy of that name, or an empty one if it does not exist. It is the cache's own: read it only.
func (g guestPolicies) policy(ctx context.Context, name string) (*v1alpha1.GuestPolicy, error) {
	policy := &v1alpha1.GuestPolicy{}
	if err := g.policies.Get(ctx, client.ObjectKey{Name: name}, policy, client.UnsafeDisableDeepCopy); err != nil && !apierrors.IsNotFound(err) {
		return policy, fmt.Errorf("cannot read GuestPolicy %q: %w; try again, and see the log of %s if it stays", name, err, Name)
	}
	return policy, nil
}

func (g guestPolicies) prepare(guest string, base, own v1alpha1.GuestPolicySpec) holding {
	merged, setters := guestsettings.Merge(base, own), guestsettings.Setters(guest, base, own)
	made := holding{settings: g.flags.For(guest, merged, setters), subject: tolerations.Subject{Guest: guest, Policy: setters["spec.scheduling.taints"]}}
	made.subject.Granted, made.audited = tolerations.Granted(merged)
	return made
}

// maxPrepared is for how many guests what holds is kept.
const maxPrepared = 1024

// prepared keeps what holds for guests. It is safe for concurrent use; nil keeps nothing.
type prepared struct {
	mutex sync.Mutex
	kept  map[string]keptHolding
}

// keptHolding is what was made of two policies as they were then.
type keptHolding struct {
	base, own version
	holding   holding
}

// version identifies a stored object as it is now; an object that does not exist has the zero version.
type version struct{ uid, resource string }

func versionOf(policy *v1alpha1.GuestPolicy) version {
	return version{string(policy.UID), policy.ResourceVersion}
}

// of returns what was made of a guest's policies, made again if one of them has changed.
func (p *prepared) of(guest string, base, own *v1alpha1.GuestPolicy, prepare func(guest string, base, own v1alpha1.GuestPolicySpec) holding) holding {
	if p == nil {
		return prepare(guest, base.Spec, own.Spec)
	}
	now := keptHolding{base: versionOf(base), own: versionOf(own)}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if kept, found := p.kept[guest]; found && kept.base == now.base && kept.own == now.own {
		return kept.holding
	}
	now.holding = prepare(guest, base.Spec, own.Spec)
	if p.kept == nil || len(p.kept) >= maxPrepared {
		p.kept = map[string]keptHolding{}
	}
	p.kept[guest] = now
	return now.holding
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

// auditWarnings are what the author of an object is told that mode Audit of a section has admitted.
func auditWarnings(section string, reported field.ErrorList) []string {
	var warnings []string
	for _, problem := range reported {
		warnings = append(warnings, "admitted, since the section "+section+" of the guest's GuestPolicy is in mode Audit: "+problem.Error())
	}
	return limits.Warnings(warnings)
}
