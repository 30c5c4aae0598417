package nodeoffers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// taintPrefixes are how the key of the startup taint may begin; deploy/controller.yaml lets the controller write no other.
// The second is what the cluster autoscaler takes for a taint that goes by itself.
func taintPrefixes() []string {
	return []string{"data-space.liqo.io/", "startup-taint.cluster-autoscaler.kubernetes.io/data-space"}
}

// ParseLease reads the flag --agent-lease-duration.
func ParseLease(text string) (time.Duration, error) {
	const least = 2 * time.Second
	d, err := time.ParseDuration(text)
	if err != nil || d < least {
		return 0, fmt.Errorf("%q is not a duration of at least %s; write for example 40s, and leave agents three renewals", text, least)
	}
	return d, nil
}

// ParseTaint reads the flag --startup-taint. It accepts keys that the policy data-space-controller lets the controller write.
func ParseTaint(text string) (*corev1.Taint, error) {
	rest, effect, found := strings.Cut(text, ":")
	key, value, _ := strings.Cut(rest, "=")
	effects := []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute}
	switch {
	case !found || !slices.Contains(effects, corev1.TaintEffect(effect)):
		return nil, fmt.Errorf("%q has no effect; write for example data-space.liqo.io/agent-not-ready:NoSchedule", text)
	case len(validation.IsQualifiedName(key)) > 0 || len(validation.IsValidLabelValue(value)) > 0:
		return nil, fmt.Errorf("%q is not key[=value]:effect; write for example data-space.liqo.io/agent-not-ready:NoSchedule", text)
	case !slices.ContainsFunc(taintPrefixes(), func(p string) bool { return strings.HasPrefix(key, p) }):
		return nil, fmt.Errorf("%q: the key must begin with %s", text, strings.Join(taintPrefixes(), " or "))
	}
	return &corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)}, nil
}
