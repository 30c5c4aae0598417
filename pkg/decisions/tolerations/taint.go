package tolerations

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Taint is a taint that reserves nodes, and who may tolerate it.
type Taint struct {
	// Name is the name of the ProtectedTaint.
	Name string
	// Key and Value are the taint's. An empty value is the value of a taint without one, as in Kubernetes.
	Key, Value string
	// Effect is the taint's effect; empty: the taint with each effect.
	Effect corev1.TaintEffect
	// Users and Groups may tolerate the taint by its value. No user may tolerate it by its key alone.
	Users, Groups []string
}

// allEffects are the effects that a taint can have.
func allEffects() []corev1.TaintEffect {
	return []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
}

// effects returns the effects of the taint.
func (p *Taint) effects() []corev1.TaintEffect {
	if p.Effect == "" {
		return allEffects()
	}
	return []corev1.TaintEffect{p.Effect}
}

// String returns the taint as kubectl writes it.
func (p *Taint) String() string {
	text := p.Key
	if p.Value != "" {
		text += "=" + p.Value
	}
	if p.Effect != "" {
		text += ":" + string(p.Effect)
	}
	return text
}

// Subject is the user or the guest whose right is decided.
type Subject struct {
	// User and Groups are those of the request.
	User   string
	Groups []string
	// Guest is the cluster id of the guest in whose namespace the object is. If it is set, the guest is the subject: User and Groups do not count.
	Guest string
	// Granted is what the guest may tolerate.
	Granted []Grant
	// Policy is the GuestPolicy that sets Granted; empty: none does.
	Policy string
}

// Grant is a taint that a guest may tolerate: with any value if Value is nil, and with each effect if Effect is empty.
type Grant struct {
	Key    string
	Value  *string
	Effect corev1.TaintEffect
}

// String names the subject in a message.
func (s Subject) String() string {
	if s.Guest != "" {
		return "guest " + quote(s.Guest)
	}
	return "user " + quote(s.User)
}

// may reports whether the subject may tolerate a protected taint with these effects. The group of a guest's own identities is its cluster id.
func (s Subject) may(p *Taint, effects []corev1.TaintEffect) bool {
	if s.Guest == "" {
		return slices.Contains(p.Users, s.User) || slices.ContainsFunc(s.Groups, func(group string) bool { return slices.Contains(p.Groups, group) })
	}
	return slices.Contains(p.Groups, s.Guest) || !slices.ContainsFunc(effects, func(effect corev1.TaintEffect) bool { return !s.granted(p, effect) })
}

func (s Subject) granted(p *Taint, effect corev1.TaintEffect) bool {
	return slices.ContainsFunc(s.Granted, func(g Grant) bool {
		return g.Key == p.Key && (g.Value == nil || *g.Value == p.Value) && (g.Effect == "" || g.Effect == effect)
	})
}

// TaintOf reads a ProtectedTaint.
func TaintOf(t *v1alpha1.ProtectedTaint) Taint {
	return Taint{
		Name: t.Name, Key: string(t.Spec.Taint.Key), Value: t.Spec.Taint.Value, Effect: t.Spec.Taint.Effect, Users: t.Spec.AllowedUsers, Groups: t.Spec.AllowedGroups,
	}
}

// Granted returns what a guest may tolerate by its settings, and whether other tolerations are reported only.
func Granted(spec v1alpha1.GuestPolicySpec) (grants []Grant, audited bool) {
	if spec.Scheduling == nil {
		return nil, false
	}
	for _, taint := range spec.Scheduling.Taints {
		grants = append(grants, Grant{Key: string(taint.Key), Value: taint.Value, Effect: taint.Effect})
	}
	return grants, spec.Scheduling.Mode == v1alpha1.Audit
}

// quote makes a name from a request safe and short enough for a message.
func quote(name string) string {
	const longest = 128
	if len(name) > longest {
		name = name[:longest] + "..."
	}
	return strconv.Quote(name)
}
