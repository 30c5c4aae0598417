package workloads

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/leastpriv"
	"data-space.liqo.io/pkg/values/apis"
)

// newReducer is one for which the namespace "on" is on.
func newReducer() *reducer {
	return &reducer{secret: "secret", sources: newSources(nil, nil, "cluster.local"), on: func(namespace string) bool { return namespace == "on" }}
}

func (r *reducer) kept(t *testing.T, object any) metav1.Object {
	t.Helper()
	kept, err := r.reduce(object)
	require.NoError(t, err)
	again, err := r.reduce(kept)
	require.NoError(t, err, "what is reduced stays as it is")
	o, ok := again.(metav1.Object)
	require.True(t, ok)
	return o
}

func podThatMentions(namespace, uid, text string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "p" + uid, UID: types.UID(uid), Labels: map[string]string{"app": "p"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Env: []corev1.EnvVar{{Name: "A", Value: text}}, Ports: []corev1.ContainerPort{{ContainerPort: 80}}}}},
	}
}

func TestOfAPodIsKeptWhatDecides(t *testing.T) {
	r := newReducer()
	pod := func(version, node, ip string, owner bool) *corev1.Pod {
		p := podThatMentions("on", "1", "db.data.svc")
		p.ResourceVersion, p.Annotations = version, map[string]string{"big": "x"}
		p.Spec.NodeName, p.Status = node, corev1.PodStatus{PodIPs: []corev1.PodIP{{IP: ip}}, Message: node}
		if owner {
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "r", Controller: new(true)}, {Kind: "Other"}}
		}
		return r.kept(t, p).(*corev1.Pod)
	}
	bare := pod("1", "a", "192.0.2.1", false)
	require.True(t, same(bare, pod("2", "b", "192.0.2.1", false)), "what changes all the time asks for no round")
	require.False(t, same(bare, pod("2", "a", "192.0.2.2", false)))
	require.Empty(t, bare.Spec.Containers[0].Env, "the name is kept, the text is not")
	require.Equal(t, "db", r.sources.readings["1"].wishes.All[0].Service)
	require.NotContains(t, bare.Annotations, "big")

	owned := pod("1", "a", "192.0.2.1", true)
	require.Empty(t, owned.Annotations)
	require.Len(t, owned.OwnerReferences, 1)
}

func TestAChangeOfWhatAWorkloadMentionsAsksForARound(t *testing.T) {
	r := newReducer()
	deployment := func(text string, replicas int32) *appsv1.Deployment {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "on", Name: "d", UID: "1"}, Spec: appsv1.DeploymentSpec{Replicas: &replicas}}
		d.Spec.Template.Spec = podThatMentions("on", "1", text).Spec
		return r.kept(t, d).(*appsv1.Deployment)
	}
	require.True(t, same(deployment("a.b.svc", 1), deployment("a.b.svc", 2)))
	require.False(t, same(deployment("a.b.svc", 1), deployment("c.b.svc", 1)))
}

// TestOfAnObjectThatIsTooLargeItsNameIsKept: each kind with a selector or labels that are larger than what is kept of one object.
func TestOfAnObjectThatIsTooLargeItsNameIsKept(t *testing.T) {
	large := map[string]string{}
	for i := range slicesLimit / 50 {
		large[fmt.Sprint("label-", i)] = strings.Repeat("v", 63)
	}
	meta := metav1.ObjectMeta{Namespace: "on", Name: "large"}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: large}}
	selector := &metav1.LabelSelector{MatchLabels: large}
	r := newReducer()
	for _, object := range []client.Object{
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "on", Name: "large", Labels: large}},
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: template}},
		&appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Template: template}},
		&appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector}},
		&appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Selector: selector}},
		&batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Template: template}},
		&batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: template}}}},
		&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: large}},
		&discoveryv1.EndpointSlice{ObjectMeta: meta, Endpoints: []discoveryv1.Endpoint{{Addresses: strings.Fields(strings.Repeat("10.0.0.1 ", slicesLimit/8))}}},
	} {
		require.Greater(t, sizeOf(object), limitOf(object), "%T", object)
		kept := r.kept(t, object)
		require.True(t, r.isOversize(kept), "%T", object)
		require.Less(t, sizeOf(kept), 200, "%T", object)
		require.Equal(t, "large", kept.GetName())
	}
}

func TestNothingIsReadInNamespacesThatAreOff(t *testing.T) {
	r := newReducer()
	r.kept(t, podThatMentions("off", "1", "db.data.svc"))
	require.Empty(t, r.sources.readings)
}

// A guest's namespace whose label is lost, or names another guest, is still the guest's: it is narrowed, and not turned on as one of the Hospital's.
func TestAGuestsNamespaceThatLostItsLabelIsStillTheGuests(t *testing.T) {
	all := Config{Enabled: true, Switch: leastpriv.Switch{All: true, Mode: leastpriv.Enforce}}
	for what, meta := range map[string]metav1.ObjectMeta{
		"at rest":                     {Labels: map[string]string{apis.LabelRemoteCluster: "pharma", apis.LabelGuest: "pharma"}},
		"lost":                        {Labels: map[string]string{apis.LabelGuest: "pharma"}},
		"another guest's":             {Labels: map[string]string{apis.LabelGuest: "pharma", apis.LabelRemoteCluster: "rival"}},
		"a tenant namespace":          {Labels: map[string]string{apis.LabelGuest: "pharma", apis.LabelRemoteCluster: "pharma", apis.LabelTenantNamespace: "true"}},
		"lost before it was marked":   {Annotations: map[string]string{apis.AnnotationNamespaceMap: "liqo-tenant-pharma/hospital"}},
		"and annotated by its author": {Labels: map[string]string{apis.LabelGuest: "pharma"}, Annotations: map[string]string{annotationReduced: "x"}},
	} {
		ns := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: kindNamespace}, ObjectMeta: *meta.DeepCopy()}
		labels := newReducer().kept(t, ns).GetLabels()
		require.True(t, apis.IsForeign(labels), what)
		require.Equal(t, "pharma", apis.Guest(labels), what)
		mode, problem := all.Of("study", labels)
		require.Equal(t, leastpriv.Off, mode, what)
		require.Empty(t, problem, what)
		labels[apis.LabelWorkloadNetpol] = "true"
		require.True(t, all.Narrowed("study", labels), what)
	}
	mode, _ := all.Of("study", nil)
	require.Equal(t, leastpriv.Enforce, mode, "the premise: a namespace of the Hospital's is turned on")
}

func TestAnObjectThatCallsItselfReducedIsReduced(t *testing.T) {
	r := newReducer()
	p := podThatMentions("on", "1", "db.data.svc")
	p.Annotations = map[string]string{annotationReduced: oversize}
	kept := r.kept(t, p).(*corev1.Pod)
	require.Empty(t, kept.Spec.Containers[0].Env)
	require.False(t, r.isOversize(kept))
}

// megabyte are the ways to write a megabyte into a pod of which something is kept.
func megabyte() map[string]func(*corev1.Pod) {
	const size = 1 << 20
	return map[string]func(*corev1.Pod){
		"names": func(p *corev1.Pod) {
			for i := range 16 {
				var text strings.Builder
				for j := 0; text.Len() < size/16; j++ {
					fmt.Fprintf(&text, "%s-%d-%d.%s.svc ", strings.Repeat("n", 50), i, j, strings.Repeat("m", 60))
				}
				p.Spec.Containers[0].Env = append(p.Spec.Containers[0].Env, corev1.EnvVar{Name: fmt.Sprint("V", i), Value: text.String()})
			}
		},
		"arguments": func(p *corev1.Pod) { p.Spec.Containers[0].Args = []string{strings.Repeat("a.b.svc ", size/8)} },
		"one name in each long text": func(p *corev1.Pod) {
			for i := range 32 {
				p.Spec.Containers[0].Args = append(p.Spec.Containers[0].Args, fmt.Sprintf("n%d.b.svc%s", i, strings.Repeat(" ", size/32)))
			}
		},
		"ConfigMaps": func(p *corev1.Pod) {
			for i := range size / 300 {
				p.Spec.Containers[0].EnvFrom = append(p.Spec.Containers[0].EnvFrom, corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{
					LocalObjectReference: corev1.LocalObjectReference{Name: fmt.Sprint(strings.Repeat("c", 240), i)}}})
			}
		},
		"labels": func(p *corev1.Pod) {
			for i := range size / 100 {
				p.Labels[fmt.Sprint("label", i)] = strings.Repeat("x", 63)
			}
		},
		"ports": func(p *corev1.Pod) {
			for i := range size / 100 {
				p.Spec.Containers[0].Ports = append(p.Spec.Containers[0].Ports, corev1.ContainerPort{ContainerPort: int32(i + 1), Name: strings.Repeat("p", 15)})
			}
		},
		"containers": func(p *corev1.Pod) {
			for i := range size / 200 {
				p.Spec.InitContainers = append(p.Spec.InitContainers, corev1.Container{Name: fmt.Sprint("c", i), Image: strings.Repeat("i", 150), Ports: p.Spec.Containers[0].Ports})
			}
		},
		"owners": func(p *corev1.Pod) {
			for i := range size / 150 {
				p.OwnerReferences = append(p.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: fmt.Sprint(strings.Repeat("o", 100), i)})
			}
		},
		"annotations and finalizers": func(p *corev1.Pod) {
			p.Annotations = map[string]string{"a": strings.Repeat("a", size/4)}
			for i := range size / 200 {
				p.Finalizers = append(p.Finalizers, fmt.Sprint(strings.Repeat("f", 100), i))
			}
		},
	}
}

// A tenant chooses what its pods mention and how many there are. Each way is tried with pods of a megabyte; without the reduction they take more than
// a megabyte each, which the test shows first.
func TestWhatPodsOfATenantTakeIsBounded(t *testing.T) {
	const pods, most = 30, heldLimit + 30*3*keptLimit
	for way, fill := range megabyte() {
		t.Run(way, func(t *testing.T) {
			var whole []*corev1.Pod
			before := heap()
			for i := range pods {
				p := podThatMentions("on", fmt.Sprint(i), "")
				fill(p)
				whole = append(whole, p)
			}
			require.Greater(t, heap()-before, 15<<20, "the premise: as they are they take much")
			r := newReducer()
			var kept []metav1.Object
			for i, p := range whole {
				kept = append(kept, r.kept(t, p))
				whole[i] = nil
			}
			taken := heap() - before
			t.Logf("%d pods take %d KiB", pods, taken>>10)
			require.Less(t, taken, most)
			require.Len(t, kept, pods)
			runtime.KeepAlive(r)
		})
	}
}

// heap is what is in use once nothing unused is left.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestOneNamespaceDoesNotTakeTheRoomOfOthers(t *testing.T) {
	r := newReducer()
	r.on = func(string) bool { return true }
	fill := megabyte()["names"]
	n := heldLimit/leastpriv.KeptLimit + 50
	big := podThatMentions("guest", "", "")
	fill(big)
	for i := range n {
		p := big.DeepCopy()
		p.UID = types.UID(fmt.Sprint(i))
		r.kept(t, p)
	}
	require.LessOrEqual(t, r.sources.held["guest"], heldLimit+n*2*noNames)
	require.True(t, r.sources.readings[types.UID(fmt.Sprint(n-1))].wishes.Full)
	require.False(t, r.sources.readings["0"].wishes.Full)
	r.kept(t, podThatMentions("other", "x", "db.data.svc"))
	require.Len(t, r.sources.readings["x"].wishes.All, 1)

	t.Log("The pods go, and with them what was kept.")
	for uid, one := range r.sources.readings {
		one.at = one.at.Add(-comingLimit)
		r.sources.readings[uid] = one
	}
	r.sources.keep(nil)
	require.Empty(t, r.sources.readings)
	require.Empty(t, r.sources.held)
}

func TestAnInstanceThatIsNotTheLeaderKeepsABoundedNumber(t *testing.T) {
	r := newReducer()
	r.sources.lastRound = r.sources.lastRound.Add(-2 * roundsEnd)
	for i := range unusedLimit + 10 {
		r.kept(t, podThatMentions("on", fmt.Sprint(i), "db.data.svc"))
	}
	require.Len(t, r.sources.readings, 10)
}
