package tolerations

import (
	"fmt"
	"iter"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// NodeOfTemplate decides about a pod that names its node past the scheduler and that a controller makes of a template. No author asks, so the
// pod's own tolerations decide: their author had the right to them. The node has these taints; one that is absent may get each protected taint.
func (p *Policy) NodeOfTemplate(node string, taints []corev1.Taint, absent bool, own iter.Seq2[int, corev1.Toleration], path *field.Path) []Finding {
	tolerated := p.toleratedBy(own)
	var findings []Finding
	for i := range p.all {
		taint := &p.all[i]
		for _, effect := range taint.effects() {
			has := absent
			for _, t := range taints {
				has = has || t.Key == taint.Key && t.Value == taint.Value && t.Effect == effect
			}
			if !has || tolerated[tolerable{taint, effect}] {
				continue
			}
			findings = append(findings, Finding{Taint: taint.Name, Error: field.Forbidden(path, fmt.Sprintf(
				"node %s has the taint %s, which reserves nodes (ProtectedTaint %s), or may get it, and the template names the node without a toleration of the taint; "+
					"remove nodeName from the template, or have a user with the right to the taint add the toleration to it", quote(node), taint, quote(taint.Name)))})
			break
		}
		if len(findings) == maxFindings {
			break
		}
	}
	return findings
}

// tolerable is a protected taint with one of its effects.
type tolerable struct {
	taint  *Taint
	effect corev1.TaintEffect
}

// toleratedBy returns which of the protected taints a list of tolerations tolerates.
func (p *Policy) toleratedBy(list iter.Seq2[int, corev1.Toleration]) map[tolerable]bool {
	found := map[tolerable]bool{}
	for _, t := range list {
		for _, taint := range p.candidates(t.Key) {
			for _, effect := range tolerated(&t, taint) {
				found[tolerable{taint, effect}] = true
			}
		}
	}
	return found
}
