package inject

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// AnnotationSeal is on every pod that a replica of the webhook has injected. It is a message authentication code of the
// proxy under a key that only the replicas have. While settings or releases change, one replica injects and another
// one judges: the judge accepts a proxy that differs from its own when the seal shows that a replica injected it just now.
const AnnotationSeal = "data-space.liqo.io/proxy-seal"

// sealLifetime is how long a seal counts: longer than any request to the API server (60 s) and the skew of nodes' clocks.
// The mutating phase replaces every proxy and every seal that a pod brings, so what the judge reads is of the same request.
const sealLifetime = 2 * time.Minute

// of returns the seal of a pod's proxy and volumes: time, seccomp profile and code; empty without a key.
func (s Seal) of(spec *corev1.PodSpec, profile string) string {
	if len(s.Keys) == 0 {
		return ""
	}
	return s.text(s.Keys[0], s.Now.Unix(), profile, spec)
}

func (s Seal) text(key []byte, at int64, profile string, spec *corev1.PodSpec) string {
	code := hmac.New(sha256.New, key)
	// Lists in JSON are unambiguous; nothing here can fail to be encoded.
	data, _ := json.Marshal([]any{AnnotationSeal, at, s.Namespace, profile, sealed(spec)})
	code.Write(data)
	return fmt.Sprintf("%d:%s:%s", at, profile, base64.RawURLEncoding.EncodeToString(code.Sum(nil)))
}

// verified reports whether a replica injected the pod's proxy a moment ago, and which seccomp profile it gave the pod.
func (s Seal) verified(annotations map[string]string, spec *corev1.PodSpec) (profile string, ok bool) {
	text := annotations[AnnotationSeal]
	parts := strings.Split(text, ":")
	if len(s.Keys) == 0 || len(parts) != 3 {
		return "", false
	}
	at, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || s.Now.Sub(time.Unix(at, 0)).Abs() > sealLifetime {
		return "", false
	}
	return parts[1], slices.ContainsFunc(s.Keys, func(key []byte) bool {
		return hmac.Equal([]byte(text), []byte(s.text(key, at, parts[1], spec)))
	})
}

// sealed returns what a seal covers: the proxy and its volumes. It leaves out what the API server's own admission plugins
// may change afterwards: the pull policy, and amounts other than the memory limit (judgeAmounts bounds these).
func sealed(spec *corev1.PodSpec) []any {
	var all []any
	if index := sidecarIndex(spec.InitContainers); index >= 0 {
		c := spec.InitContainers[index]
		c.ImagePullPolicy, c.Resources = "", corev1.ResourceRequirements{}
		all = append(all, c, spec.InitContainers[index].Resources.Limits.Memory())
	}
	for _, v := range spec.Volumes {
		if v.Name == apis.ProxyConfigVolume || v.Name == apis.ProxyRuntimeVolume {
			all = append(all, v)
		}
	}
	return all
}

// addSeal seals the pod that the patch so far makes. A seal that still verifies stays, so that a second call changes nothing.
func addSeal(p *patch, pod *corev1.Pod, proxy corev1.Container, s Settings) {
	after := corev1.PodSpec{InitContainers: []corev1.Container{proxy}, Volumes: s.volumes()}
	if profile, ok := s.Seal.verified(pod.Annotations, &after); ok && profile == s.SeccompProfile {
		return
	}
	if seal := s.Seal.of(&after, s.SeccompProfile); seal != "" {
		p.add("/metadata/annotations/"+escape(AnnotationSeal), seal)
	}
}

// asSealed returns the settings by which a pod is judged, and whether another replica answers for its proxy.
func (s Settings) asSealed(pod *corev1.Pod) (Settings, bool) {
	profile, ok := s.Seal.verified(pod.Annotations, &pod.Spec)
	if ok {
		s.SeccompProfile = profile
	}
	return s, ok
}
