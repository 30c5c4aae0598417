package admit

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// judgeSeccomp refuses a profile of the node that the Hospital has not granted: it may let more through than ours. A pod may name
// ours, which it gets by itself; spelt in another way, the path would not be taken for ours and replaced. What the Pod Security Standards say of Unconfined is judgeStandards' part.
func judgeSeccomp(profile *corev1.SeccompProfile, s Settings, at *field.Path) field.ErrorList {
	if profile == nil || profile.Type != corev1.SeccompProfileTypeLocalhost || profile.LocalhostProfile == nil {
		return nil
	}
	name := *profile.LocalhostProfile
	ours := path.Dir(name) == apis.SeccompFolder && path.Clean(name) == name
	if ours || slices.Contains(s.SeccompProfiles, name) {
		return nil
	}
	return field.ErrorList{field.Forbidden(at.Child("localhostProfile"), "a profile of the node may allow sockets that carry data past the proxy; "+
		"remove it, or have the Hospital name it in "+s.grantedBy("workload.seccompProfiles", "--seccomp-profiles"))}
}

// ParseProfiles reads "profiles/a.json,profiles/b.json": paths below the kubelet's folder of seccomp profiles.
func ParseProfiles(text string) ([]string, error) {
	return parseList(text, func(name string) (string, error) {
		if name == "" || path.IsAbs(name) || path.Clean(name) != name || strings.HasPrefix(name, "..") {
			return "", fmt.Errorf("%q is not a path below the kubelet's folder of seccomp profiles; write for example profiles/study.json", name)
		}
		return name, nil
	})
}
