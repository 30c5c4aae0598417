package admit

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// Level is a level of the Pod Security Standards.
type Level string

// The levels that a Hospital can ask for. Privileged is none of them.
const (
	Baseline   Level = "baseline"
	Restricted Level = "restricted"
)

// ParseLevel accepts baseline and restricted.
func ParseLevel(text string) (Level, error) {
	switch level := Level(text); level {
	case Baseline, Restricted:
		return level, nil
	}
	return "", fmt.Errorf("%q is no level for foreign pods; use %s or %s", text, Baseline, Restricted)
}

func (s Settings) level() Level {
	if s.PodSecurity == "" {
		return Baseline
	}
	return s.PodSecurity
}

// judgeStandards asks Kubernetes' own implementation of the Pod Security Standards. It answers for a pod as a whole, so
// each part is shown to it alone, and its path is known: the pod without containers, then every container by itself.
func judgeStandards(spec *corev1.PodSpec, containers []located, level Level, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	for _, check := range checks(level) {
		bare := bareOf(*spec)
		if answer := check.judge(&metav1.ObjectMeta{}, &bare); !answer.Allowed {
			problems = append(problems, check.refusal(path, check.pod, answer))
			// The containers inherit what was found: what they add to it is asked of each.
			bare.SecurityContext = nil
		}
		problems = append(problems, check.containers(bare, containers)...)
	}
	return problems
}

// judgeContainerStandards judges containers of a pod whose own part is beyond doubt.
func judgeContainerStandards(spec corev1.PodSpec, containers []located, level Level) field.ErrorList {
	var problems field.ErrorList
	for _, check := range checks(level) {
		problems = append(problems, check.containers(bareOf(spec), containers)...)
	}
	return problems
}

// judgeAnnotationStandards judges what a pod may still say by annotation (AppArmor).
func judgeAnnotationStandards(meta *metav1.ObjectMeta, spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	for _, check := range checks(Baseline) {
		if answer := check.judge(meta, &corev1.PodSpec{OS: spec.OS}); !answer.Allowed {
			problems = append(problems, check.refusal(path, "", answer))
		}
	}
	return problems
}

// check is one rule of the standards, and where it looks.
type check struct {
	advice
	level Level
	judge policy.CheckPodFn
}

func (c check) containers(bare corev1.PodSpec, containers []located) field.ErrorList {
	var problems field.ErrorList
	for _, one := range containers {
		bare.Containers = []corev1.Container{*one.Container}
		if answer := c.judge(&metav1.ObjectMeta{}, &bare); !answer.Allowed {
			problems = append(problems, c.refusal(one.path, c.container, answer))
		}
	}
	return problems
}

func (c check) refusal(at *field.Path, name string, answer policy.CheckResult) *field.Error {
	if name != "" {
		at = at.Child(name)
	}
	return field.Forbidden(at, fmt.Sprintf("%s at the Pod Security level %s: %s; %s", answer.ForbiddenReason, c.level, answer.ForbiddenDetail, c.wayOut))
}

// bareOf returns the pod without its containers and without what package admit judges more strictly by itself.
func bareOf(spec corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{OS: spec.OS, SecurityContext: spec.SecurityContext}
}

// checks lists the rules of a level in the newest version of each; those of restricted take the place of the rules of
// baseline that they contain.
func checks(level Level) []check {
	var all []check
	var overridden []policy.CheckID
	for _, c := range policy.DefaultChecks() {
		newest := c.Versions[len(c.Versions)-1]
		if c.Level == psa.LevelRestricted {
			if level != Restricted {
				continue
			}
			overridden = append(overridden, newest.OverrideCheckIDs...)
		}
		all = append(all, check{advice: adviceOn(c.ID), level: level, judge: newest.CheckPod})
	}
	return slices.DeleteFunc(all, func(c check) bool { return slices.Contains(overridden, c.id) })
}
