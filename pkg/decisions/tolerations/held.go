package tolerations

import (
	"iter"
	"math"

	corev1 "k8s.io/api/core/v1"
)

// identity is what makes two tolerations the same for the API server.
type identity struct {
	key, value string
	operator   corev1.TolerationOperator
	effect     corev1.TaintEffect
}

func identityOf(t *corev1.Toleration) identity {
	operator := t.Operator
	if operator == "" {
		operator = corev1.TolerationOpEqual
	}
	return identity{key: t.Key, value: t.Value, operator: operator, effect: t.Effect}
}

// held is a set of tolerations, each with the seconds for which it lasts.
type held map[identity]int64

func newHeld(tolerations iter.Seq2[int, corev1.Toleration]) held {
	h := held{}
	if tolerations == nil {
		return h
	}
	for _, t := range tolerations {
		id := identityOf(&t)
		if seconds, there := h[id]; !there || seconds < secondsOf(&t) {
			h[id] = secondsOf(&t)
		}
	}
	return h
}

// holds reports whether the set has a toleration that is the same and lasts as long.
func (h held) holds(t *corev1.Toleration) bool {
	seconds, there := h[identityOf(t)]
	return there && seconds >= secondsOf(t)
}

// secondsOf returns for how long a pod with this toleration stays on a node after the taint was set. A negative time is none.
func secondsOf(t *corev1.Toleration) int64 {
	if t.TolerationSeconds == nil {
		return math.MaxInt64
	}
	return max(*t.TolerationSeconds, 0)
}
