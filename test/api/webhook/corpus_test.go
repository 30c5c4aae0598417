//go:build api

package webhook

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/values/apis"
)

// attempt changes one thing of a pod that a foreign namespace would let in.
type attempt struct {
	name   string
	change func(*corev1.Pod)
	// policy says that the policy in the API server refuses it as well, not the webhook alone.
	policy bool
}

// attempts are what foreign pods may not have, one at a time.
func attempts() []attempt {
	all := []attempt{
		{"the node's network", func(p *corev1.Pod) { p.Spec.HostNetwork = true }, true},
		{"the node's processes", func(p *corev1.Pod) { p.Spec.HostPID = true }, true},
		{"the node's IPC", func(p *corev1.Pod) { p.Spec.HostIPC = true }, true},
		{"processes shared among containers", func(p *corev1.Pod) { p.Spec.ShareProcessNamespace = ptr(true) }, true},
		{"a user namespace of its own", func(p *corev1.Pod) { p.Spec.HostUsers = ptr(false) }, true},
		{"a Windows pod", func(p *corev1.Pod) { p.Spec.OS = &corev1.PodOS{Name: corev1.Windows} }, false},
		{"a node by name", func(p *corev1.Pod) { p.Spec.NodeName = "control-plane" }, true},
		{"a node without a ready agent", func(p *corev1.Pod) {
			p.Spec.NodeSelector = map[string]string{apis.LabelEnforced: "false"}
		}, true},
		{"a toleration of every taint", tolerating(corev1.Toleration{Operator: corev1.TolerationOpExists}), true},
		{"a toleration of the control plane's taint", tolerating(corev1.Toleration{
			Key: "node-role.kubernetes.io/control-plane", Operator: corev1.TolerationOpExists,
		}), true},
		{"a runtime class that is not granted", func(p *corev1.Pod) { p.Spec.RuntimeClassName = ptr("sandboxed") }, false},
		{"a priority of the system", func(p *corev1.Pod) { p.Spec.PriorityClassName = "system-node-critical" }, true},
		{"a toleration of cordoned nodes", tolerating(corev1.Toleration{
			Key: "node.kubernetes.io/unschedulable", Operator: corev1.TolerationOpExists,
		}), false},
		{"a toleration of nodes that are not set up", tolerating(corev1.Toleration{
			Key: "node.cloudprovider.kubernetes.io/uninitialized", Operator: corev1.TolerationOpExists,
		}), false},
		{"a toleration of lost nodes by every effect", tolerating(corev1.Toleration{
			Key: "node.kubernetes.io/unreachable", Operator: corev1.TolerationOpExists,
		}), false},
		{"a device by resource claim", func(p *corev1.Pod) {
			p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "nic", ResourceClaimName: ptr("nic")}}
		}, true},
		{"a device that is not granted", func(p *corev1.Pod) {
			p.Spec.Containers[0].Resources.Limits = corev1.ResourceList{"vendor.example/nic": resource.MustParse("1")}
		}, false},
		{"a device for the pod as a whole", func(p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Limits: corev1.ResourceList{"vendor.example/nic": resource.MustParse("1")}}
		}, false},
		{"an annotation of the guard", annotating("data-space/anything", "true"), false},
		{"a label of the guard", func(p *corev1.Pod) { p.Labels[apis.LabelApplyWebhook] = "false" }, false},
		{"another network by annotation", annotating("v1.multus-cni.io/default-network", "kube-system/macvlan"), true},
		{"more networks by annotation", annotating("k8s.v1.cni.cncf.io/networks", "sriov"), true},
		{"orders to the runtime by annotation", annotating("io.kubernetes.cri-o.Devices", "/dev/fuse"), false},
		{"a seccomp profile by annotation", annotating("seccomp.security.alpha.kubernetes.io/pod", "localhost/mine.json"), false},
		{"a seccomp profile out of an image", annotating("seccomp-profile.kubernetes.cri-o.io/POD", "registry.example/loose:1"), false},
		{"the proxy's AppArmor profile", annotating("container.apparmor.security.beta.kubernetes.io/data-space-proxy", "localhost/mine"), false},
	}
	return append(append(append(all, volumeAttempts()...), userAttempts()...), containerAttempts()...)
}

// proxyAttempts bring a proxy: the webhook replaces it in a Pod, and refuses it in a ShadowPod.
func proxyAttempts() []attempt {
	return []attempt{
		{"a device on a copy of the proxy", func(p *corev1.Pod) {
			p.Spec.InitContainers[0].Resources.Limits["vendor.example/nic"] = resource.MustParse("1")
			p.Spec.InitContainers[0].Resources.Requests["vendor.example/nic"] = resource.MustParse("1")
		}, true},
		{"another program as proxy", func(p *corev1.Pod) { p.Spec.InitContainers[0].Image = "docker.io/pharma/envoy:mine" }, false},
	}
}

func tolerating(t corev1.Toleration) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Tolerations = append(p.Spec.Tolerations, t) }
}

func annotating(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { metav1.SetMetaDataAnnotation(&p.ObjectMeta, key, value) }
}

func volumeAttempts() []attempt {
	volume := func(source corev1.VolumeSource) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			name := "extra-" + string(rune('a'+len(p.Spec.Volumes)))
			p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
		}
	}
	template := claim("", "hospital-data").Spec
	return []attempt{
		{"the node's files", volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}), true},
		{"a CSI driver's inline volume", volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "csi.example"}}), true},
		{"a file server", volume(corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: "198.51.100.1", Path: "/"}}), true},
		{"a block device by network", volume(corev1.VolumeSource{ISCSI: &corev1.ISCSIVolumeSource{
			TargetPortal: "198.51.100.1:3260", IQN: "iqn.2026-01.example:disk",
		}}), true},
		{"a driver on the node", volume(corev1.VolumeSource{FlexVolume: &corev1.FlexVolumeSource{Driver: "vendor.example/driver"}}), true},
		{"a volume by its name", volume(corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
			VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: template},
		}}), false},
		{"a volume without a class", volume(corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
			VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{
				ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"volume.beta.kubernetes.io/storage-class": ""}}, Spec: claim("", "").Spec,
			},
		}}), false},
	}
}

func userAttempts() []attempt {
	pod := func(change func(*corev1.PodSecurityContext)) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			if p.Spec.SecurityContext == nil {
				p.Spec.SecurityContext = &corev1.PodSecurityContext{}
			}
			change(p.Spec.SecurityContext)
		}
	}
	return []attempt{
		{"the proxy's user", pod(func(s *corev1.PodSecurityContext) { s.RunAsUser = ptr(apis.ProxyUID) }), true},
		{"the proxy's group", pod(func(s *corev1.PodSecurityContext) { s.RunAsGroup = ptr(apis.ProxyUID) }), true},
		{"files of the proxy's group", pod(func(s *corev1.PodSecurityContext) { s.FSGroup = ptr(apis.ProxyUID) }), true},
		{"the proxy's group as another", pod(func(s *corev1.PodSecurityContext) { s.SupplementalGroups = []int64{1, apis.ProxyUID} }), true},
		{"a seccomp profile of the node", pod(func(s *corev1.PodSecurityContext) {
			s.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: ptr("profiles/mine.json")}
		}), false},
		{"no seccomp filter", pod(func(s *corev1.PodSecurityContext) {
			s.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
		}), true},
		{"no AppArmor profile", pod(func(s *corev1.PodSecurityContext) {
			s.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
		}), false},
		{"another SELinux type", pod(func(s *corev1.PodSecurityContext) { s.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"} }), false},
		{"a sysctl that is not safe", pod(func(s *corev1.PodSecurityContext) {
			s.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.ip_forward", Value: "1"}}
		}), false},
		{"other sizes of TCP's buffers", pod(func(s *corev1.PodSecurityContext) {
			s.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.tcp_rmem", Value: "4096 131072 104857600"}}
		}), false},
		{"a host process of Windows", pod(func(s *corev1.PodSecurityContext) {
			s.WindowsOptions = &corev1.WindowsSecurityContextOptions{HostProcess: ptr(true)}
		}), false},
	}
}

func containerAttempts() []attempt {
	app := func(change func(*corev1.Container)) func(*corev1.Pod) {
		return func(p *corev1.Pod) { change(&p.Spec.Containers[0]) }
	}
	context := func(change func(*corev1.SecurityContext)) func(*corev1.Pod) {
		return func(p *corev1.Pod) { change(p.Spec.Containers[0].SecurityContext) }
	}
	add := func(c corev1.Capability) func(*corev1.Pod) {
		return context(func(s *corev1.SecurityContext) { s.Capabilities.Add = append(s.Capabilities.Add, c) })
	}
	return []attempt{
		{"a privileged container", context(func(s *corev1.SecurityContext) { s.Privileged = ptr(true) }), true},
		{"NET_ADMIN", add("NET_ADMIN"), true},
		{"NET_RAW", add("NET_RAW"), true},
		{"SYS_ADMIN", add("SYS_ADMIN"), true},
		{"all capabilities, in another spelling", add("all"), true},
		{"an unmasked /proc", context(func(s *corev1.SecurityContext) { s.ProcMount = ptr(corev1.UnmaskedProcMount) }), true},
		{"the proxy's user for a container", context(func(s *corev1.SecurityContext) { s.RunAsUser = ptr(apis.ProxyUID) }), true},
		{"the proxy's group for a container", context(func(s *corev1.SecurityContext) { s.RunAsGroup = ptr(apis.ProxyUID) }), true},
		{"a seccomp profile of the node for a container", context(func(s *corev1.SecurityContext) {
			s.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: ptr("profiles/mine.json")}
		}), false},
		{"no seccomp filter for a container", context(func(s *corev1.SecurityContext) {
			s.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
		}), true},
		{"no AppArmor profile for a container", context(func(s *corev1.SecurityContext) {
			s.AppArmorProfile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
		}), false},
		{"another SELinux type for a container", context(func(s *corev1.SecurityContext) { s.SELinuxOptions = &corev1.SELinuxOptions{Type: "spc_t"} }), false},
		{"a device by a container's claim", app(func(c *corev1.Container) { c.Resources.Claims = []corev1.ResourceClaim{{Name: "nic"}} }), false},
		{"a port of the node", app(func(c *corev1.Container) {
			c.Ports = append(c.Ports, corev1.ContainerPort{ContainerPort: 8080, HostPort: 8080})
		}), true},
		{"a port of the proxy", app(func(c *corev1.Container) {
			c.Ports = append(c.Ports, corev1.ContainerPort{ContainerPort: int32(apis.PortIngressTCP)})
		}), false},
		{"the proxy's name", app(func(c *corev1.Container) { c.Name = apis.ProxyContainerName }), true},
		{"the proxy's volumes", app(func(c *corev1.Container) { c.VolumeMounts = append(c.VolumeMounts, adminMount()...) }), true},
		{"a probe of another host", app(func(c *corev1.Container) {
			c.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
				HTTPGet: &corev1.HTTPGetAction{Host: "198.51.100.1", Port: intstr.FromInt32(80), Path: "/"},
			}}
		}), false},
	}
}
