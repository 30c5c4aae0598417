package tolerations

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// tolerated returns the effects with which a toleration tolerates a protected taint, as the scheduler matches the two with all of its
// features on. A cluster that does not have the operators Gt and Lt does not store them either.
func tolerated(t *corev1.Toleration, p *Taint) []corev1.TaintEffect {
	if t.Key != "" && t.Key != p.Key || !holds(t.Operator, t.Value, p.Value) {
		return nil
	}
	var effects []corev1.TaintEffect
	for _, effect := range p.effects() {
		if t.Effect == "" || t.Effect == effect {
			effects = append(effects, effect)
		}
	}
	return effects
}

// holds reports whether a toleration's operator and value match a taint's value.
func holds(operator corev1.TolerationOperator, toleration, taint string) bool {
	switch operator {
	case "", corev1.TolerationOpEqual:
		return toleration == taint
	case corev1.TolerationOpExists:
		return true
	case corev1.TolerationOpGt, corev1.TolerationOpLt:
		bound, isNumber := number(toleration)
		value, valueIsNumber := number(taint)
		if !isNumber || !valueIsNumber {
			return false
		}
		return operator == corev1.TolerationOpGt && value > bound || operator == corev1.TolerationOpLt && value < bound
	}
	return false
}

// number reads an integer in its canonical form: without leading zeros and without a plus sign.
func number(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == text
}

// open reports whether a toleration covers more than one value of a taint's key by its form: such a toleration of a protected taint is refused for
// every user. Without a key it covers every taint.
func open(t *corev1.Toleration) bool { return t.Key == "" || t.Operator == corev1.TolerationOpExists }

// everyPods reports whether a toleration is one that the API server adds to every pod by itself (DefaultTolerationSeconds). Its author did not write it.
func everyPods(t *corev1.Toleration) bool {
	return (t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable) &&
		t.Operator == corev1.TolerationOpExists && t.Effect == corev1.TaintEffectNoExecute && t.TolerationSeconds != nil
}
