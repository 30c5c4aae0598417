package inject

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/values/apis"
)

const (
	// serviceAccountDir is where the API server's ServiceAccount admission mounts a pod's token, unless something is there.
	serviceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"
	// runtimeSize bounds the memory behind the proxy's admin socket; a socket needs none of it.
	runtimeSize = "1Mi"
)

// Sidecar returns the proxy's container (KEP-753: an init container that restarts always). Every field the API server
// would default is spelt out, so that the stored container equals this one and a second call finds nothing to do.
func Sidecar(s Settings) corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	return corev1.Container{
		Name:                     apis.ProxyContainerName,
		Image:                    s.Image,
		Command:                  s.command(),
		Env:                      s.environment(),
		ImagePullPolicy:          corev1.PullIfNotPresent,
		Resources:                corev1.ResourceRequirements{Requests: s.requests(), Limits: s.Limits},
		RestartPolicy:            &always,
		SecurityContext:          sidecarSecurity(s),
		StartupProbe:             readyProbe(1, 120),
		ReadinessProbe:           readyProbe(5, 3),
		TerminationMessagePath:   corev1.TerminationMessagePathDefault,
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		VolumeMounts: []corev1.VolumeMount{
			{Name: apis.ProxyConfigVolume, MountPath: apis.ProxyConfigDir, ReadOnly: true},
			{Name: apis.ProxyRuntimeVolume, MountPath: apis.ProxyRuntimeDir},
			// Takes the place of the guest's token, which the API server would mount into the proxy as well.
			{Name: apis.ProxyConfigVolume, MountPath: serviceAccountDir, ReadOnly: true},
		},
	}
}

// command is how the proxy is started. The memory limit is handed over, since the configuration, which the controller writes,
// does not know it.
func (s Settings) command() []string {
	all := []string{
		"envoy", "-c", apis.ProxyConfigDir + "/" + s.configKey(),
		// One worker: the scripts that pair connections (package envoy) act on sockets that no other thread may close.
		"--disable-hot-restart", "--concurrency", "1", "--log-level", "warning",
		// The proxy's own log is written before the proxy goes on: which request or connection began is on the node when it is killed.
		"--component-log-level", envoy.LogComponents, "--log-format", envoy.LogFormat,
		// The access log, which is written by another thread, only says how what has begun went on.
		"--file-flush-interval-msec", "250",
	}
	runtime := envoy.Runtime()
	if memory, limited := s.Limits[corev1.ResourceMemory]; limited {
		heap, _ := envoy.Heaps(memory.Value(), s.Module)
		runtime[envoy.HeapKey] = heap
	}
	var values []string
	for _, key := range slices.Sorted(maps.Keys(runtime)) {
		values = append(values, fmt.Sprintf("%s: %d", key, runtime[key]))
	}
	return append(all, "--config-yaml", fmt.Sprintf("layered_runtime: {layers: [{name: sidecar, static_layer: {%s}}]}", strings.Join(values, ", ")))
}

// environment has the module's part of the memory, by the name that Go's runtime reads.
func (s Settings) environment() []corev1.EnvVar {
	all := []corev1.EnvVar{fromField("POD_NAME", "metadata.name"), fromField("POD_NAMESPACE", "metadata.namespace")}
	if memory, limited := s.Limits[corev1.ResourceMemory]; limited && s.Module {
		_, module := envoy.Heaps(memory.Value(), true)
		all = append(all, corev1.EnvVar{Name: "GOMEMLIMIT", Value: strconv.FormatInt(module, 10)})
	}
	return all
}

// configKey is the key of the configuration in the controller's ConfigMap. A pod mounts the one of its proxy only, so that a change of the
// setting leaves proxies that run, or start again, as they are.
func (s Settings) configKey() string {
	if s.Module {
		return apis.EnvoyModuleConfigKey
	}
	return apis.EnvoyConfigKey
}

// volumes returns what the proxy mounts: its configuration, read-only, and a place for its admin socket.
func (s Settings) volumes() []corev1.Volume {
	mode := int32(0o444)
	size := resource.MustParse(runtimeSize)
	config := corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: apis.EnvoyConfigMapName},
		Items:                []corev1.KeyToPath{{Key: s.configKey(), Path: s.configKey()}},
		DefaultMode:          &mode,
	}
	memory := corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: &size}
	return []corev1.Volume{
		{Name: apis.ProxyConfigVolume, VolumeSource: corev1.VolumeSource{ConfigMap: &config}},
		{Name: apis.ProxyRuntimeVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &memory}},
	}
}

// sidecarSecurity is the Pod Security Standards' "restricted" and more; the proxy needs no capability.
func sidecarSecurity(s Settings) *corev1.SecurityContext {
	uid, yes, no := apis.ProxyUID, true, false
	return &corev1.SecurityContext{
		RunAsUser:                &uid,
		RunAsGroup:               &uid,
		RunAsNonRoot:             &yes,
		ReadOnlyRootFilesystem:   &yes,
		AllowPrivilegeEscalation: &no,
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           s.seccomp(),
	}
}

// readyProbe asks the proxy's readiness listener every period seconds; a sidecar's probe counts for the whole pod.
func readyProbe(period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: apis.ProxyReadyPath, Port: intstr.FromInt32(int32(apis.PortReady)), Scheme: corev1.URISchemeHTTP,
		}},
		TimeoutSeconds: 1, PeriodSeconds: period, SuccessThreshold: 1, FailureThreshold: failures,
	}
}

// fromField returns an environment variable that the kubelet fills from the pod (downward API).
func fromField(name, path string) corev1.EnvVar {
	ref := corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &ref}}
}

// sidecarIndex returns where the proxy stands among the init containers, -1 when it is not there.
func sidecarIndex(list []corev1.Container) int {
	return slices.IndexFunc(list, func(c corev1.Container) bool { return c.Name == apis.ProxyContainerName })
}
