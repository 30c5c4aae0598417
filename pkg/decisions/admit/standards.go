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
func judgeStandards(spec *corev1.PodSpec, containers []located, s Settings, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	alone := eachAlone(containers)
	shown := &corev1.PodSpec{}
	for _, check := range s.checks(s.level()) {
		*shown = bareOf(spec)
		if answer := check.judge(&metav1.ObjectMeta{}, shown); !answer.Allowed {
			problems = append(problems, check.refusal(path, check.pod, answer, s))
			// The containers inherit what was found: what they add to it is asked of each.
			shown.SecurityContext = nil
		}
		problems = append(problems, check.containers(shown, containers, alone, s)...)
	}
	return problems
}

// eachAlone returns for each container the list of it alone.
func eachAlone(containers []located) [][]corev1.Container {
	alone := make([][]corev1.Container, len(containers))
	for i, c := range containers {
		alone[i] = []corev1.Container{*c.Container}
	}
	return alone
}

// judgeContainerStandards judges containers of a pod whose own part is beyond doubt.
func judgeContainerStandards(spec corev1.PodSpec, containers []located, s Settings) field.ErrorList {
	var problems field.ErrorList
	alone, shown := eachAlone(containers), bareOf(&spec)
	for _, check := range s.checks(s.level()) {
		problems = append(problems, check.containers(&shown, containers, alone, s)...)
	}
	return problems
}

// judgeAnnotationStandards judges what a pod may still say by annotation (AppArmor).
func judgeAnnotationStandards(meta *metav1.ObjectMeta, spec *corev1.PodSpec, s Settings, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	bare := &corev1.PodSpec{OS: spec.OS}
	for _, check := range s.checks(Baseline) {
		if answer := check.judge(meta, bare); !answer.Allowed {
			problems = append(problems, check.refusal(path, "", answer, s))
		}
	}
	return problems
}

// check is one rule of the standards, and where it looks.
type check struct {
	advice
	level Level
	// own reports whether the rule is one of the level, and not of baseline as well.
	own   bool
	judge policy.CheckPodFn
}

// containers judges each container in the pod that is shown, by itself.
func (c check) containers(shown *corev1.PodSpec, containers []located, alone [][]corev1.Container, s Settings) field.ErrorList {
	var problems field.ErrorList
	for i, one := range containers {
		shown.Containers = alone[i]
		if answer := c.judge(&metav1.ObjectMeta{}, shown); !answer.Allowed {
			problems = append(problems, c.refusal(one.path, c.container, answer, s))
		}
	}
	return problems
}

func (c check) refusal(at *field.Path, name string, answer policy.CheckResult, s Settings) *field.Error {
	if name != "" {
		at = at.Child(name)
	}
	wayOut := c.wayOut
	if c.own {
		wayOut += ", or have the Hospital set " + s.grantedBy("workload.podSecurity", "--pod-security") + " to " + string(Baseline)
	}
	return field.Forbidden(at, fmt.Sprintf("%s at the Pod Security level %s: %s; %s", answer.ForbiddenReason, c.level, answer.ForbiddenDetail, wayOut))
}

// bareOf returns the pod without its containers and without what package admit judges more strictly by itself.
func bareOf(spec *corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{OS: spec.OS, SecurityContext: spec.SecurityContext}
}

// WithStandards returns the settings with the rules of the Pod Security Standards made beforehand. Those without make them for each
// pod that they judge.
func (s Settings) WithStandards() Settings {
	s.standards = standards{Baseline: checksOf(Baseline), Restricted: checksOf(Restricted)}
	return s
}

func (s Settings) checks(level Level) []check {
	if made, found := s.standards[level]; found {
		return made
	}
	return checksOf(level)
}

// checksOf lists the rules of a level in the newest version of each; those of restricted take the place of the rules of
// baseline that they contain.
func checksOf(level Level) []check {
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
		all = append(all, check{advice: adviceOn(c.ID), level: level, own: c.Level == psa.LevelRestricted, judge: newest.CheckPod})
	}
	return slices.DeleteFunc(all, func(c check) bool { return slices.Contains(overridden, c.id) })
}
