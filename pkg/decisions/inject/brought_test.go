package inject

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// TestWhatIsStoredDiffersFromTheProxyInNothing changes each field of an injected proxy in turn.
func TestWhatIsStoredDiffersFromTheProxyInNothing(t *testing.T) {
	one, yes := resource.MustParse("1"), true
	judged := func(change func(*corev1.Container)) field.ErrorList {
		sidecar := Sidecar(settings())
		change(&sidecar)
		return judge(&corev1.Pod{Spec: corev1.PodSpec{InitContainers: []corev1.Container{sidecar}}}, settings())
	}
	for name, change := range map[string]func(*corev1.Container){
		"image":               func(c *corev1.Container) { c.Image = "mine" },
		"command":             func(c *corev1.Container) { c.Command = append(c.Command, "--base-id", "1") },
		"args":                func(c *corev1.Container) { c.Args = []string{"-l", "trace"} },
		"workingDir":          func(c *corev1.Container) { c.WorkingDir = "/" },
		"ports":               func(c *corev1.Container) { c.Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}} },
		"env":                 func(c *corev1.Container) { c.Env = append(c.Env, corev1.EnvVar{Name: "LD_PRELOAD", Value: "/x.so"}) },
		"envFrom":             func(c *corev1.Container) { c.EnvFrom = []corev1.EnvFromSource{{Prefix: "LD_"}} },
		"resources, a device": func(c *corev1.Container) { c.Resources.Limits = with(c.Resources.Limits, "vendor.example/nic", one) },
		"resources, requested": func(c *corev1.Container) {
			c.Resources.Requests = with(c.Resources.Requests, "vendor.example/nic", one)
		},
		"resources, claims":      func(c *corev1.Container) { c.Resources.Claims = []corev1.ResourceClaim{{Name: "nic"}} },
		"resources, less memory": func(c *corev1.Container) { c.Resources.Limits = with(c.Resources.Limits, "memory", one) },
		"resources, less memory than the heap is sized for": func(c *corev1.Container) {
			c.Resources.Limits = with(c.Resources.Limits, "memory", resource.MustParse("200Mi"))
		},
		"resources, more memory than the heap is sized for": func(c *corev1.Container) {
			c.Resources.Limits = with(c.Resources.Limits, "memory", resource.MustParse("1Gi"))
		},
		"resources, no memory limit": func(c *corev1.Container) { c.Resources.Limits = nil },
		"resources, hardly any cpu": func(c *corev1.Container) {
			c.Resources.Limits = with(c.Resources.Limits, "cpu", resource.MustParse("1m"))
		},
		"resources, huge pages": func(c *corev1.Container) { c.Resources.Limits = with(c.Resources.Limits, "hugepages-2Mi", one) },
		"resizePolicy":          func(c *corev1.Container) { c.ResizePolicy = []corev1.ContainerResizePolicy{{ResourceName: "cpu"}} },
		"restartPolicy":         func(c *corev1.Container) { c.RestartPolicy = nil },
		"volumeMounts":          func(c *corev1.Container) { c.VolumeMounts[0].MountPath = "/etc" },
		"volumeMounts, one more": func(c *corev1.Container) {
			c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "mine", MountPath: "/usr"})
		},
		"volumeDevices":            func(c *corev1.Container) { c.VolumeDevices = []corev1.VolumeDevice{{Name: "disk"}} },
		"livenessProbe":            func(c *corev1.Container) { c.LivenessProbe = &corev1.Probe{} },
		"readinessProbe":           func(c *corev1.Container) { c.ReadinessProbe = nil },
		"startupProbe":             func(c *corev1.Container) { c.StartupProbe.HTTPGet.Port = intstr.FromInt32(80) },
		"lifecycle":                func(c *corev1.Container) { c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{}} },
		"terminationMessagePath":   func(c *corev1.Container) { c.TerminationMessagePath = "/x" },
		"terminationMessagePolicy": func(c *corev1.Container) { c.TerminationMessagePolicy = corev1.TerminationMessageReadFile },
		"securityContext":          func(c *corev1.Container) { c.SecurityContext.Privileged = &yes },
		"stdin":                    func(c *corev1.Container) { c.Stdin = true },
		"tty":                      func(c *corev1.Container) { c.TTY = true },
	} {
		require.Len(t, judged(change), 1, name)
	}
	for name, change := range map[string]func(*corev1.Container){
		"nothing":                      func(*corev1.Container) {},
		"the pull policy":              func(c *corev1.Container) { c.ImagePullPolicy = corev1.PullAlways },
		"a default that was left open": func(c *corev1.Container) { c.Resources.Limits = with(c.Resources.Limits, "cpu", one) },
		"amounts that fit a LimitRange": func(c *corev1.Container) {
			fitted := settings()
			fitted.Limits = corev1.ResourceList{"memory": resource.MustParse("320Mi"), "cpu": one}
			fitted.Requests = fitted.Limits
			*c = Sidecar(fitted)
		},
		"another": func(c *corev1.Container) { c.Resources.Limits = with(c.Resources.Limits, "ephemeral-storage", one) },
		"the same in another notation": func(c *corev1.Container) {
			c.Resources.Limits = with(c.Resources.Limits, "memory", resource.MustParse("268435456"))
		},
	} {
		require.Empty(t, judged(change), name)
	}
}

func with(list corev1.ResourceList, name corev1.ResourceName, amount resource.Quantity) corev1.ResourceList {
	all := list.DeepCopy()
	all[name] = amount
	return all
}

func TestAShadowPodBringsNoProxy(t *testing.T) {
	path := field.NewPath("spec", "pod")
	require.Empty(t, Brought(&corev1.PodSpec{InitContainers: []corev1.Container{{Name: "first"}}}, path))
	spec := &corev1.PodSpec{InitContainers: []corev1.Container{{Name: "first"}, Sidecar(settings())}}
	require.Equal(t, []string{"spec.pod.initContainers[1]"}, fieldsOf(Brought(spec, path)))
}

// A ShadowPod may have the volumes of either kind of proxy, as a pod that was injected by any replica has them, and no others of their names.
func TestShadowPodsMayHaveTheVolumesOfEitherKindOfProxy(t *testing.T) {
	path := field.NewPath("spec", "pod")
	for _, module := range []bool{false, true} {
		spec := &corev1.PodSpec{Volumes: Settings{Module: module}.volumes()}
		require.Empty(t, Brought(spec, path))
		spec.Volumes[0].ConfigMap.Name = "mine"
		require.NotEmpty(t, Brought(spec, path))
	}
}
