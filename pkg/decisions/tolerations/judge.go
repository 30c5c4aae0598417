package tolerations

import (
	"cmp"
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxFindings is how many findings about one object are made. A first one is enough to refuse it.
const maxFindings = 64

// Finding is a reason to refuse an object.
type Finding struct {
	// Taint is the name of the ProtectedTaint.
	Taint string
	// Grantable reports whether the finding does not count for a subject that has the right to the ProtectedTaint by RBAC.
	Grantable bool
	Error     *field.Error
}

// Policy is a set of protected taints, prepared for decisions. It is immutable.
type Policy struct {
	all   []Taint
	byKey map[string][]*Taint
}

// New returns the policy of these taints.
func New(taints []Taint) *Policy {
	p := &Policy{all: taints, byKey: map[string][]*Taint{}}
	for i := range taints {
		p.byKey[taints[i].Key] = append(p.byKey[taints[i].Key], &taints[i])
	}
	return p
}

// Empty reports whether no taint is protected.
func (p *Policy) Empty() bool { return p == nil || len(p.all) == 0 }

// Tolerations decides about the tolerations of an object, in any order. Only those count that before, the object's previous tolerations, does not hold:
// there the same toleration lasts as long. The numbers are the tolerations' places in the object's list at path.
func (p *Policy) Tolerations(s Subject, now, before iter.Seq2[int, corev1.Toleration], path *field.Path) []Finding {
	had := newHeld(before)
	var findings []Finding
	for i, t := range now {
		if everyPods(&t) || had.holds(&t) {
			continue
		}
		for _, taint := range p.candidates(t.Key) {
			if finding := judge(s, &t, taint, path.Index(i)); finding != nil {
				findings = append(findings, *finding)
			}
			if len(findings) == maxFindings {
				return findings
			}
		}
	}
	return findings
}

// candidates returns the protected taints that a toleration with this key can match.
func (p *Policy) candidates(key string) []*Taint {
	if key != "" {
		return p.byKey[key]
	}
	every := make([]*Taint, len(p.all))
	for i := range p.all {
		every[i] = &p.all[i]
	}
	return every
}

func judge(s Subject, t *corev1.Toleration, p *Taint, at *field.Path) *Finding {
	effects := tolerated(t, p)
	switch {
	case len(effects) == 0:
		return nil
	case t.Key == "":
		return &Finding{Taint: p.Name, Error: field.Forbidden(at, fmt.Sprintf(
			"a toleration without a key tolerates every taint, and with them %s, which reserves nodes (ProtectedTaint %s): no user may have it, %s included; name the keys", p, quote(p.Name), s))}
	case open(t):
		return &Finding{Taint: p.Name, Error: field.Forbidden(at, fmt.Sprintf(
			"operator Exists tolerates the key %s with every value, and with them the taint %s, which reserves nodes (ProtectedTaint %s): no user may have it, %s included; "+
				"use operator Equal with another value, or remove the toleration", p.Key, p, quote(p.Name), s))}
	case s.may(p, effects):
		return nil
	}
	return &Finding{Taint: p.Name, Grantable: true, Error: field.Forbidden(at, fmt.Sprintf(
		"it tolerates the taint %s, which reserves nodes, and %s has no right to it; remove the toleration, or have the Hospital %s", p, s, grant(s, p)))}
}

// Node decides about an object that names its node past the scheduler, which has these taints.
func (p *Policy) Node(s Subject, node string, taints []corev1.Taint, path *field.Path) []Finding {
	var findings []Finding
	for i := range taints {
		for _, taint := range p.byKey[taints[i].Key] {
			has := taint.Value == taints[i].Value && (taint.Effect == "" || taint.Effect == taints[i].Effect)
			if !has || s.may(taint, []corev1.TaintEffect{taints[i].Effect}) {
				continue
			}
			findings = append(findings, Finding{Taint: taint.Name, Grantable: true, Error: field.Forbidden(path, fmt.Sprintf(
				"node %s has the taint %s, which reserves nodes, and %s has no right to it; leave the node to the scheduler, or have the Hospital %s", quote(node), taint, s, grant(s, taint)))})
			if len(findings) == maxFindings {
				return findings
			}
		}
	}
	return findings
}

// Absent decides about an object that names a node that does not exist: once it does, it may have any of the protected taints, and what names it
// is not asked again.
func (p *Policy) Absent(s Subject, node string, path *field.Path) []Finding {
	var findings []Finding
	for i := range p.all {
		taint := &p.all[i]
		if s.may(taint, taint.effects()) {
			continue
		}
		findings = append(findings, Finding{Taint: taint.Name, Grantable: true, Error: field.Forbidden(path, fmt.Sprintf(
			"node %s does not exist; once it does, it may have the taint %s, which reserves nodes, and %s has no right to it; name a node that exists, leave the node to the scheduler, or have the Hospital %s",
			quote(node), taint, s, grant(s, taint)))})
		if len(findings) == maxFindings {
			break
		}
	}
	return findings
}

// grant says what gives a subject the right to a protected taint.
func grant(s Subject, p *Taint) string {
	if s.Guest != "" {
		return fmt.Sprintf("add the taint to spec.scheduling.taints of the GuestPolicy %s, or the guest to allowedGroups of ProtectedTaint %s",
			quote(cmp.Or(s.Policy, s.Guest)), quote(p.Name))
	}
	return fmt.Sprintf("add the user or one of its groups to allowedUsers or allowedGroups of ProtectedTaint %s, or grant the verb tolerate on it by RBAC", quote(p.Name))
}
