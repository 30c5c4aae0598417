//go:build api

package webhook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/values/apis"
)

const betaClass = "volume.beta.kubernetes.io/storage-class"

// defaultClass makes the class that a claim gets which names none.
func (w *world) defaultClass(t *testing.T) {
	t.Helper()
	w.create(t, &storagev1.StorageClass{
		ObjectMeta:  metav1.ObjectMeta{Name: "standard", Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
		Provisioner: "csi.example",
	})
}

func classed(c *corev1.PersistentVolumeClaim, class, annotation *string) *corev1.PersistentVolumeClaim {
	c.Spec.StorageClassName = class
	if annotation != nil {
		c.Annotations = map[string]string{betaClass: *annotation}
	}
	return c
}

// claims: none is bound to a volume that is there.
func claims(t *testing.T, w *world) {
	t.Helper()
	namespace, tenant := w.guestSpace(t), w.tenant(t)
	controllers := []client.Client{w.as(t, "system:kube-controller-manager"), w.as(t, admit.Binders()[0])}
	w.admin(t)
	const spec = "spec.storageClassName"
	annotated := "metadata.annotations[" + betaClass + "]"
	for what, c := range map[string]struct {
		claim *corev1.PersistentVolumeClaim
		paths []string
	}{
		"no class, by annotation":               {classed(claim("a", ""), nil, ptr("")), []string{annotated, spec}},
		"no class, by annotation over a name":   {classed(claim("a", ""), ptr("standard"), ptr("")), []string{annotated}},
		"a class by annotation":                 {classed(claim("a", ""), nil, ptr("standard")), []string{annotated, spec}},
		"no class":                              {classed(claim("a", ""), ptr(""), nil), []string{spec}},
		"data from a program of the Hospital's": {populated(claim("a", "")), []string{"spec.dataSource", "spec.dataSourceRef"}},
	} {
		c.claim.Namespace = namespace
		require.Equal(t, c.paths, causes(t, tenant.Create(t.Context(), c.claim.DeepCopy())), what)
		for _, controller := range controllers {
			require.Equal(t, c.paths, causes(t, controller.Create(t.Context(), c.claim.DeepCopy())), "%s, from a pod's template", what)
		}
	}
	good := claim("good", "")
	good.Namespace = namespace
	require.NoError(t, tenant.Create(t.Context(), good))
	require.Equal(t, "standard", *good.Spec.StorageClassName, "the cluster's default")
	require.Error(t, tenant.Patch(t.Context(), good.DeepCopy(), client.RawPatch(types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"`+betaClass+`":""}}}`))), "nor later")
	shadow := shadowPodOf(t, "template", corev1.PodSpec{
		Containers: []corev1.Container{{Name: "app", Image: "app:1"}},
		Volumes: []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
			VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{
				ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{betaClass: ""}}, Spec: claim("", "").Spec,
			},
		}}}},
	})
	shadow.SetNamespace(namespace)
	require.Equal(t, []string{"spec.pod.volumes[0].ephemeral.volumeClaimTemplate.metadata.annotations[" + betaClass + "]"},
		causes(t, tenant.Create(t.Context(), shadow)))
	withoutDefaultClass(t, w, namespace, tenant)
}

func populated(c *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	c.Spec.DataSourceRef = &corev1.TypedObjectReference{APIGroup: ptr("populator.example"), Kind: "Website", Name: "records"}
	return c
}

// withoutDefaultClass: a claim that names no class in a cluster that has no default one.
func withoutDefaultClass(t *testing.T, w *world, namespace string, tenant client.Client) {
	t.Helper()
	class := &storagev1.StorageClass{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: "standard"}, class))
	require.NoError(t, w.client.Delete(t.Context(), class))
	defer w.defaultClass(t)
	require.Eventually(t, func() bool {
		c := claim("classless", "")
		c.Namespace = namespace
		err := tenant.Create(t.Context(), c, client.DryRunAll)
		return err != nil && len(causes(t, err)) == 1
	}, waitLong, waitStep)
}

// addresses: a guest's Service takes none that it chooses.
func addresses(t *testing.T, w *world) {
	t.Helper()
	namespace, tenant := w.guestSpace(t), w.tenant(t)
	released := service("released", corev1.ServiceSpec{})
	released.Namespace = w.namespace(t, nil)
	w.create(t, released)
	require.NoError(t, w.client.Delete(t.Context(), released))
	ip := released.Spec.ClusterIP

	taken := service("taken", corev1.ServiceSpec{ClusterIP: ip})
	taken.Namespace = namespace
	require.Equal(t, []string{"spec.clusterIP"}, causes(t, tenant.Create(t.Context(), taken.DeepCopy())))
	taken.Spec.ClusterIPs = []string{ip}
	require.Equal(t, []string{"spec.clusterIP", "spec.clusterIPs"}, causes(t, tenant.Create(t.Context(), taken.DeepCopy())))
	elsewhere := taken.DeepCopy()
	elsewhere.Namespace = released.Namespace
	w.create(t, elsewhere) // the address is free: it would have been the guest's

	plain := service("mine", corev1.ServiceSpec{})
	plain.Namespace = namespace
	require.NoError(t, tenant.Create(t.Context(), plain))
	require.NotEmpty(t, plain.Spec.ClusterIP)
	plain.Spec.Ports[0].Port = 81
	require.NoError(t, tenant.Update(t.Context(), plain), "it keeps what it has")
	plain.Annotations = map[string]string{"external-dns.alpha.kubernetes.io/internal-hostname": "records.hospital.example"}
	require.Equal(t, []string{"metadata.annotations[external-dns.alpha.kubernetes.io/internal-hostname]"}, causes(t, tenant.Update(t.Context(), plain)))
}

// priorities: a foreign pod preempts no pod unless the Hospital has granted its class.
func priorities(t *testing.T, w *world) {
	t.Helper()
	namespace, tenant := w.guestSpace(t), w.tenant(t)
	hospital := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "hospital"}, Value: 1000}
	usual := &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "usual"}, Value: 100, GlobalDefault: true}
	for _, class := range []*schedulingv1.PriorityClass{hospital, usual} {
		w.create(t, class)
		w.deleteLater(t, class)
	}
	outside := w.namespace(t, nil)
	require.Eventually(t, func() bool {
		p := pod(outside, "")
		p.GenerateName = "usual-"
		return w.client.Create(t.Context(), p) == nil && p.Spec.PriorityClassName == "usual"
	}, waitLong, waitStep, "the default is in force, and pods of others have it")

	of := func(name, class string) *corev1.Pod {
		p := pod(namespace, name)
		p.Spec.PriorityClassName = class
		return p
	}
	for _, class := range []string{"", "usual", "hospital", apis.GuestPriorityClass} {
		p := of("class-"+class+"x", class)
		w.create(t, p)
		require.Equal(t, apis.GuestPriorityClass, p.Spec.PriorityClassName, class)
		require.Equal(t, int32(-1), *p.Spec.Priority, class)
		require.Equal(t, corev1.PreemptNever, *p.Spec.PreemptionPolicy, class)
	}
	for path, change := range map[string]func(*corev1.PodSpec){
		"priorityClassName": func(s *corev1.PodSpec) { s.PriorityClassName = "hospital" },
		"priority":          func(s *corev1.PodSpec) { s.Priority = ptr(int32(1000)) },
		"preemptionPolicy":  func(s *corev1.PodSpec) { s.PreemptionPolicy = ptr(corev1.PreemptLowerPriority) },
		"tolerations[0]": func(s *corev1.PodSpec) {
			s.Tolerations = []corev1.Toleration{{Key: "node.kubernetes.io/unschedulable", Operator: corev1.TolerationOpExists}}
		},
	} {
		spec := pod("", "").Spec
		change(&spec)
		shadow := shadowPodOf(t, "named", spec)
		shadow.SetNamespace(namespace)
		require.Equal(t, []string{"spec.pod." + path}, causes(t, tenant.Create(t.Context(), shadow)))
	}
	granted(t, w, namespace, tenant, of)
}

// granted starts the webhook with what a Hospital may grant.
func granted(t *testing.T, w *world, namespace string, tenant client.Client, of func(name, class string) *corev1.Pod) {
	t.Helper()
	w.process.stop()
	w.start(t, "--priority-classes=hospital", "--tolerations=node.kubernetes.io/unschedulable", "--storage-classes=guests")
	defer func() {
		w.process.stop()
		w.start(t)
	}()
	p := of("granted", "hospital")
	p.Spec.Tolerations = []corev1.Toleration{{Key: "node.kubernetes.io/unschedulable", Operator: corev1.TolerationOpExists}}
	shadow := shadowPodOf(t, "granted", p.Spec)
	shadow.SetNamespace(namespace)
	require.NoError(t, tenant.Create(t.Context(), shadow))
	w.warnings.take()
	w.create(t, p)
	require.Contains(t, strings.Join(w.warnings.take(), "\n"), "pods of the granted class hospital preempt pods of lower priority")
	require.Contains(t, w.process.String(), "pods of a granted PriorityClass preempt pods of lower priority", "the Hospital reads it when the webhook starts")
	require.Equal(t, "hospital", p.Spec.PriorityClassName)
	require.Equal(t, int32(1000), *p.Spec.Priority)
	p = of("default", "")
	w.create(t, p)
	require.Equal(t, apis.GuestPriorityClass, p.Spec.PriorityClassName, "the cluster's default is not granted")
	for class, paths := range map[string][]string{"guests": nil, "standard": {"spec.storageClassName"}} {
		c := classed(claim("of-"+class, ""), ptr(class), nil)
		c.Namespace = namespace
		err := tenant.Create(t.Context(), c)
		if paths == nil {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, paths, causes(t, err))
	}
}

// devices: a copy of the proxy is no back door for them, and a ShadowPod brings no copy at all.
func devices(t *testing.T, w *world) {
	t.Helper()
	namespace, tenant := w.guestSpace(t), w.tenant(t)
	first := pod(namespace, "first")
	w.create(t, first)
	copied := func(change func(*corev1.Container)) *corev1.Pod {
		p := pod(namespace, "copied")
		p.Spec.InitContainers = []corev1.Container{*first.Spec.InitContainers[0].DeepCopy()}
		p.Spec.Volumes = first.Spec.DeepCopy().Volumes[:0]
		change(&p.Spec.InitContainers[0])
		return p
	}
	shadow := shadowPodOf(t, "copied", copied(func(*corev1.Container) {}).Spec)
	shadow.SetNamespace(namespace)
	require.Equal(t, []string{"spec.pod.initContainers[0]"}, causes(t, tenant.Create(t.Context(), shadow)))
	for what, change := range map[string]func(*corev1.Container){
		"an exact copy": func(*corev1.Container) {},
		"a device among the limits": func(c *corev1.Container) {
			c.Resources.Limits["vendor.example/nic"], c.Resources.Requests["vendor.example/nic"] = one(), one()
		},
		"another limit of memory": func(c *corev1.Container) { c.Resources.Limits["memory"] = *c.Resources.Requests.Memory() },
		"a port":                  func(c *corev1.Container) { c.Ports = []corev1.ContainerPort{{ContainerPort: 80}} },
		"an environment":          func(c *corev1.Container) { c.Env = append(c.Env, corev1.EnvVar{Name: "LD_PRELOAD", Value: "/x"}) },
	} {
		p := copied(change)
		require.NoError(t, w.client.Create(t.Context(), p, client.DryRunAll), what)
		require.Equal(t, first.Spec.InitContainers, p.Spec.InitContainers, what)
	}
}

func one() resource.Quantity { return resource.MustParse("1") }
