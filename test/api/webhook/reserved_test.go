//go:build api

package webhook

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// TestReservedNodes runs every story of ProtectedTaints in one world.
func TestReservedNodes(t *testing.T) {
	w := newWorld(t)
	w.liqo(t)
	w.workloadRights(t)
	for _, object := range manifest(t, "tolerations-policy.yaml") {
		w.create(t, object)
	}
	namespace := w.namespace(t, nil)
	everything := bearing(namespace, "before", reserved())
	require.NoError(t, w.as(t, "bob").Create(t.Context(), everything), "without a ProtectedTaint, any user may tolerate the taint")
	w.protect(t)
	for _, story := range []struct {
		name string
		run  func(*testing.T, *world, string)
	}{
		{"each kind is decided about at its author", reservedKinds},
		{"the decisions of the original policy hold", reservedOriginal},
		{"only what an update adds counts", reservedUpdates},
		{"a node by name and a binding are no way round", reservedNodeNames},
		{"a RuntimeClass is no way round", reservedClasses},
		{"RBAC grants the right by name", reservedRights},
		{"the cluster's own namespaces and static pods are exempt, a forged one is not", reservedExempt},
		{"in a guest's namespace the guest is the subject for every author", reservedGuests},
		{"Kubernetes' controllers make pods of what was decided about, a forged owner does not", reservedControllers},
		{"20,000 tolerations are decided about", reservedMany},
		{"without the webhook the policy refuses the same tolerations", reservedTwin},
	} {
		t.Run(story.name, func(t *testing.T) { story.run(t, w, namespace) })
	}
}

// workloadRights lets every user write whatever there is in namespaces, and RuntimeClasses.
func (w *world) workloadRights(t *testing.T) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: "workloads"}
	w.create(t, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"", "apps", "batch", "node.k8s.io", "offloading.liqo.io"}, Resources: []string{"*"}, Verbs: []string{"*"},
	}}})
	w.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "workloads"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"}},
	})
}

// protect reserves the nodes with the taint for alice and for the group team, and waits until that is in force.
func (w *world) protect(t *testing.T) {
	t.Helper()
	w.createTaint(t, protectedTaint("study-nodes", reservedKey, reservedValue))
	probe := w.namespace(t, nil)
	require.Eventually(t, func() bool {
		err := w.as(t, "bob").Create(t.Context(), bearing(probe, "probe", reserved()), client.DryRunAll)
		return len(causesOf(err)) == 1 // by the webhook: the policy refuses it without a field, maybe earlier
	}, waitLong, waitStep, "the ProtectedTaint does not come into force:\n%s", w.process)
}

func reserved() corev1.Toleration {
	return corev1.Toleration{Key: reservedKey, Operator: corev1.TolerationOpEqual, Value: reservedValue, Effect: corev1.TaintEffectNoSchedule}
}

func bearing(namespace, name string, tolerations ...corev1.Toleration) *corev1.Pod {
	p := pod(namespace, name)
	p.Spec.Tolerations = tolerations
	return p
}

// workloads returns an object of each kind that holds the specification of a pod, and where that is.
func workloads(t *testing.T, namespace, name string, spec corev1.PodSpec) map[string]client.Object {
	t.Helper()
	labels := map[string]string{"app": name}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}
	once := *template.DeepCopy()
	once.Spec.RestartPolicy = corev1.RestartPolicyNever
	shadow := shadowPodOf(t, name, spec)
	shadow.SetNamespace(namespace)
	return map[string]client.Object{
		"spec":                    &corev1.Pod{ObjectMeta: meta, Spec: spec},
		"template.spec":           &corev1.PodTemplate{ObjectMeta: meta, Template: template},
		"spec.template.spec":      &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}},
		"spec.template.spec ":     &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}},
		"spec.template.spec  ":    &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}},
		"spec.template.spec   ":   &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}},
		"spec.template.spec    ":  &corev1.ReplicationController{ObjectMeta: meta, Spec: corev1.ReplicationControllerSpec{Selector: labels, Template: &template}},
		"spec.template.spec     ": &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: batchv1.JobSpec{Template: once}},
		"spec.jobTemplate.spec.template.spec": &batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{
			Schedule: "0 0 1 1 *", JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: once}}}},
		"data.spec.template.spec": &appsv1.ControllerRevision{ObjectMeta: meta, Revision: 1, Data: runtime.RawExtension{
			Raw: []byte(fmt.Sprintf(`{"spec":{"template":{"spec":%s}}}`, jsonOf(t, spec)))}},
		"spec.pod": shadow,
	}
}

func reservedKinds(t *testing.T, w *world, namespace string) {
	t.Helper()
	alice, bob := w.as(t, "alice"), w.as(t, "bob")
	for at, object := range workloads(t, namespace, "kinds", bearing("", "", corev1.Toleration{Key: "mine", Value: "x"}, reserved()).Spec) {
		at = trimmed(at)
		err := bob.Create(t.Context(), object.DeepCopyObject().(client.Object))
		require.Equal(t, []string{at + ".tolerations[1]"}, causes(t, err), "%T", object)
		require.ErrorContains(t, err, `it tolerates the taint example.com/reserved=study, which reserves nodes, and user "bob" has no right to it; remove the toleration, or have the Hospital add the user`)
		require.NoError(t, w.as(t, "carol", "team").Create(t.Context(), object.DeepCopyObject().(client.Object), client.DryRunAll), "%T", object)
		require.NoError(t, alice.Create(t.Context(), object), "%T", object)
		require.NoError(t, bob.Delete(t.Context(), object), "%T: a deletion needs no right", object)
	}
	for at, object := range workloads(t, namespace, "kinds-other", bearing("", "", corev1.Toleration{Key: reservedKey, Value: "other"}).Spec) {
		require.NoError(t, bob.Create(t.Context(), object, client.DryRunAll), at)
	}
}

func reservedOriginal(t *testing.T, w *world, namespace string) {
	t.Helper()
	alice, bob := w.as(t, "alice"), w.as(t, "bob")
	exists := reserved()
	exists.Operator, exists.Value = corev1.TolerationOpExists, ""
	for what, toleration := range map[string]corev1.Toleration{
		"Exists on the key": exists, "Exists with each effect": {Key: reservedKey, Operator: corev1.TolerationOpExists}, "Exists without a key": {Operator: corev1.TolerationOpExists},
	} {
		for _, user := range []client.Client{alice, bob, w.as(t, "dora", "team"), w.client} {
			err := user.Create(t.Context(), bearing(namespace, "exists", toleration))
			require.Equal(t, []string{"spec.tolerations[0]"}, causes(t, err), what)
			require.ErrorContains(t, err, "no user may have it", what)
		}
	}
	for what, toleration := range map[string]corev1.Toleration{
		"another value": {Key: reservedKey, Operator: corev1.TolerationOpEqual, Value: "other"}, "no value": {Key: reservedKey},
		"another key": {Key: "example.com/other", Operator: corev1.TolerationOpExists}, "a key in capitals": {Key: "example.com/Reserved", Value: reservedValue},
	} {
		require.NoError(t, bob.Create(t.Context(), bearing(namespace, "other", toleration), client.DryRunAll), what)
	}
	for what, effect := range map[string]corev1.TaintEffect{"each": "", "one": corev1.TaintEffectNoExecute} {
		toleration := reserved()
		toleration.Effect, toleration.Operator = effect, ""
		require.Error(t, bob.Create(t.Context(), bearing(namespace, "effect", toleration)), what)
		require.NoError(t, alice.Create(t.Context(), bearing(namespace, "effect", toleration), client.DryRunAll), what)
	}
	require.NoError(t, bob.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "other-kind"}}))
}

func reservedUpdates(t *testing.T, w *world, namespace string) {
	t.Helper()
	alice, bob := w.as(t, "alice"), w.as(t, "bob")
	for at, object := range workloads(t, namespace, "updates", bearing("", "", reserved()).Spec) {
		if trimmed(at) == "data.spec.template.spec" {
			continue // It is immutable.
		}
		object.SetFinalizers([]string{"example.com/held"})
		require.NoError(t, alice.Create(t.Context(), object), at)
		object.SetLabels(map[string]string{"app": "updates", "by": "bob"})
		require.NoError(t, bob.Update(t.Context(), object), "%T: a label", object)
		w.release(t, bob, object)
	}
	plain := deployment(namespace, "plain")
	require.NoError(t, bob.Create(t.Context(), plain))
	changed := plain.DeepCopy()
	changed.Spec.Template.Spec.Tolerations = []corev1.Toleration{reserved()}
	require.Equal(t, []string{"spec.template.spec.tolerations[0]"}, causes(t, bob.Update(t.Context(), changed)))
	require.NoError(t, alice.Update(t.Context(), changed))
	changed.Spec.Template.Spec.Tolerations = []corev1.Toleration{{Key: "mine"}, reserved()}
	require.NoError(t, bob.Update(t.Context(), changed), "another toleration, in another order")
	changed.Spec.Replicas = ptr(int32(3))
	require.NoError(t, bob.SubResource("scale").Update(t.Context(), changed, client.WithSubResourceBody(scaleOf(changed, 2))))
	running := bearing(namespace, "running")
	require.NoError(t, bob.Create(t.Context(), running))
	running.Spec.Tolerations = append(running.Spec.Tolerations, reserved())
	require.Equal(t, []string{fmt.Sprintf("spec.tolerations[%d]", len(running.Spec.Tolerations)-1)}, causes(t, bob.Update(t.Context(), running)))
	require.NoError(t, alice.Update(t.Context(), running))
}

func reservedNodeNames(t *testing.T, w *world, namespace string) {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "reserved"}}
	w.create(t, node)
	w.deleteLater(t, node)
	node.Spec.Taints = []corev1.Taint{{Key: reservedKey, Value: reservedValue, Effect: corev1.TaintEffectNoSchedule}}
	require.NoError(t, w.client.Update(t.Context(), node))
	alice, bob := w.as(t, "alice"), w.as(t, "bob")
	on := func(name, node string) *corev1.Pod {
		p := pod(namespace, name)
		p.Spec.NodeName = node
		return p
	}
	err := bob.Create(t.Context(), on("named", "reserved"))
	require.Equal(t, []string{"spec.nodeName"}, causes(t, err))
	require.ErrorContains(t, err, `node "reserved" has the taint example.com/reserved=study, which reserves nodes, and user "bob" has no right to it; leave the node to the scheduler`)
	require.NoError(t, alice.Create(t.Context(), on("named", "reserved"), client.DryRunAll))
	require.ErrorContains(t, bob.Create(t.Context(), on("elsewhere", "not-there"), client.DryRunAll), `node "not-there" does not exist; once it does, it may have the taint`)
	require.NoError(t, alice.Create(t.Context(), on("elsewhere", "not-there"), client.DryRunAll))
	templated := deployment(namespace, "templated")
	templated.Spec.Template.Spec.NodeName = "reserved"
	require.Equal(t, []string{"spec.template.spec.nodeName"}, causes(t, bob.Create(t.Context(), templated)))

	waiting := pod(namespace, "waiting")
	require.NoError(t, bob.Create(t.Context(), waiting))
	bind := func(user client.Client) error {
		return user.SubResource("binding").Create(t.Context(), waiting, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "waiting"}, Target: corev1.ObjectReference{Kind: "Node", Name: "reserved"}})
	}
	require.Equal(t, []string{"target.name"}, causes(t, bind(bob)))
	legacy := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "waiting"}, Target: corev1.ObjectReference{Kind: "Node", Name: "reserved"}}
	require.Equal(t, []string{"target.name"}, causes(t, bob.Create(t.Context(), legacy)), "the older way")
	require.NoError(t, bind(w.as(t, "system:kube-scheduler")))
}

func reservedClasses(t *testing.T, w *world, namespace string) {
	t.Helper()
	class := &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "reserved"}, Handler: "runc", Scheduling: &nodev1.Scheduling{Tolerations: []corev1.Toleration{reserved()}}}
	require.Equal(t, []string{"scheduling.tolerations[0]"}, causes(t, w.as(t, "bob").Create(t.Context(), class.DeepCopy())))
	require.NoError(t, w.as(t, "alice").Create(t.Context(), class))
	w.deleteLater(t, class)
	named := pod(namespace, "classed")
	named.Spec.RuntimeClassName = ptr("reserved")
	templated := deployment(namespace, "classed")
	templated.Spec.Template.Spec.RuntimeClassName = ptr("reserved")
	require.Eventually(t, func() bool { // The API server's own list of classes is some milliseconds behind.
		return slices.ContainsFunc(causesOf(w.as(t, "bob").Create(t.Context(), named.DeepCopy(), client.DryRunAll)),
			func(cause string) bool { return strings.HasPrefix(cause, "spec.tolerations[") })
	}, waitLong, waitStep)
	require.Equal(t, []string{"spec.template.spec.runtimeClassName[reserved].tolerations[0]"}, causes(t, w.as(t, "bob").Create(t.Context(), templated)))
	require.NoError(t, w.as(t, "alice").Create(t.Context(), templated, client.DryRunAll))
}

func reservedRights(t *testing.T, w *world, namespace string) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: "study-nodes"}
	role := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.Group}, Resources: []string{"protectedtaints"}, ResourceNames: []string{"study-nodes"}, Verbs: []string{"tolerate"},
	}}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "study-nodes"},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "erin"}},
	}
	erin := w.as(t, "erin")
	require.Error(t, erin.Create(t.Context(), bearing(namespace, "right", reserved())))
	w.create(t, role)
	w.create(t, binding)
	w.deleteLater(t, role)
	w.deleteLater(t, binding)
	require.Eventually(t, func() bool {
		return erin.Create(t.Context(), bearing(namespace, "right", reserved()), client.DryRunAll) == nil
	}, waitLong, waitStep)
	require.Error(t, erin.Create(t.Context(), bearing(namespace, "right", corev1.Toleration{Key: reservedKey, Operator: corev1.TolerationOpExists})))
	require.Equal(t, []string{"spec.tolerations[0]"}, causes(t, w.admin(t).Create(t.Context(), bearing(namespace, "right", reserved()))), "a rule for every verb is none for this one")
}

func reservedExempt(t *testing.T, w *world, namespace string) {
	t.Helper()
	bob := w.as(t, "bob")
	w.serviceAccount(t, metav1.NamespaceSystem)
	require.NoError(t, bob.Create(t.Context(), bearing(metav1.NamespaceSystem, "exempt", corev1.Toleration{Operator: corev1.TolerationOpExists}), client.DryRunAll))
	mirror := bearing(namespace, "static-node-1", corev1.Toleration{Operator: corev1.TolerationOpExists})
	mirror.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "hash"}
	mirror.Spec.NodeName = "node-1"
	require.Equal(t, []string{"spec.tolerations[0]", "spec.nodeName"}, causes(t, bob.Create(t.Context(), mirror.DeepCopy())))
	require.NoError(t, w.as(t, "system:node:node-1", "system:nodes").Create(t.Context(), mirror.DeepCopy(), client.DryRunAll))
	delete(mirror.Annotations, corev1.MirrorPodAnnotationKey)
	require.Equal(t, []string{"spec.tolerations[0]", "spec.nodeName"}, causes(t, w.as(t, "system:node:node-1", "system:nodes").Create(t.Context(), mirror.DeepCopy())))
}

func reservedGuests(t *testing.T, w *world, _ string) {
	t.Helper()
	namespace := w.guestSpace(t)
	for what, user := range map[string]client.Client{"the guest": w.tenant(t), "alice": w.as(t, "alice"), "the controllers": w.as(t, "system:kube-controller-manager")} {
		shadow := shadowPodOf(t, "guest", bearing("", "", reserved()).Spec)
		shadow.SetNamespace(namespace)
		err := user.Create(t.Context(), shadow)
		require.Equal(t, []string{"spec.pod.tolerations[0]"}, causes(t, err), what)
		require.ErrorContains(t, err, `guest "pharma" has no right to it; remove the toleration, or have the Hospital add the taint to spec.scheduling.taints of the GuestPolicy "pharma"`, what)
	}
	require.Equal(t, []string{"spec.tolerations[0]"}, causes(t, w.as(t, "alice").Create(t.Context(), bearing(namespace, "guest", reserved()))))
	opted := w.guestSpace(t, "data-space/apply-webhook", "false")
	require.Equal(t, []string{"spec.tolerations[0]"}, causes(t, w.as(t, "alice").Create(t.Context(), bearing(opted, "guest", reserved()))), "the opt-out is one from the redirect")
}

func reservedControllers(t *testing.T, w *world, namespace string) {
	t.Helper()
	w.run(t, "KUBE_CONTROLLER_MANAGER", "--use-service-account-credentials=true", "--secure-port=0",
		"--controllers=deployment-controller,replicaset-controller,statefulset-controller,job-controller,serviceaccount-controller")
	alice := w.as(t, "alice")
	owner := deployment(namespace, "made")
	owner.Spec.Template.Spec.Tolerations = []corev1.Toleration{reserved()}
	require.NoError(t, alice.Create(t.Context(), owner))
	sets := &appsv1.ReplicaSetList{}
	require.Eventually(t, func() bool {
		pods := &corev1.PodList{}
		return w.client.List(t.Context(), pods, client.InNamespace(namespace), client.MatchingLabels{"app": "made"}) == nil && len(pods.Items) > 0
	}, waitLong, waitStep, "the pods of alice's Deployment are not made:\n%s", w.process)
	require.NoError(t, w.client.List(t.Context(), sets, client.InNamespace(namespace), client.MatchingLabels{"app": "made"}))
	require.Len(t, sets.Items, 1)

	forged := bearing(namespace, "forged", reserved())
	forged.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&sets.Items[0], appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
	require.Equal(t, []string{"spec.tolerations[0]"}, causes(t, w.as(t, "bob").Create(t.Context(), forged)))
	w.reservedLater(t, namespace)
}

// reservedLater: a template names a node, the node is reserved, and only then a controller makes pods of the template.
func (w *world) reservedLater(t *testing.T, namespace string) {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "later"}}
	w.create(t, node)
	w.deleteLater(t, node)
	node.Spec.Taints = nil // the API server's own taint of new nodes
	require.NoError(t, w.client.Update(t.Context(), node))
	owner, tolerant := deployment(namespace, "later"), deployment(namespace, "later-tolerant")
	for _, d := range []*appsv1.Deployment{owner, tolerant} {
		d.Spec.Replicas, d.Spec.Template.Spec.NodeName = ptr(int32(0)), "later"
	}
	tolerant.Spec.Template.Spec.Tolerations = []corev1.Toleration{reserved()}
	require.NoError(t, w.as(t, "bob").Create(t.Context(), owner), "the node is not reserved yet")
	require.NoError(t, w.as(t, "alice").Create(t.Context(), tolerant))
	node.Spec.Taints = []corev1.Taint{{Key: reservedKey, Value: reservedValue, Effect: corev1.TaintEffectNoSchedule}}
	require.NoError(t, w.client.Update(t.Context(), node))
	for _, d := range []*appsv1.Deployment{owner, tolerant} {
		require.NoError(t, w.as(t, "bob").SubResource("scale").Update(t.Context(), d, client.WithSubResourceBody(scaleOf(d, 1))))
	}
	sets := &appsv1.ReplicaSetList{}
	require.Eventually(t, func() bool {
		return w.client.List(t.Context(), sets, client.InNamespace(namespace), client.MatchingLabels{"app": "later"}) == nil && len(sets.Items) == 1 &&
			slices.ContainsFunc(sets.Items[0].Status.Conditions, func(c appsv1.ReplicaSetCondition) bool {
				return c.Type == appsv1.ReplicaSetReplicaFailure && strings.Contains(c.Message, `node "later" has the taint example.com/reserved=study`) &&
					strings.Contains(c.Message, "remove nodeName from the template")
			})
	}, waitLong, waitStep, "the controller's pod is not refused:\n%s", w.process)
	pods := &corev1.PodList{}
	require.Eventually(t, func() bool {
		return w.client.List(t.Context(), pods, client.InNamespace(namespace), client.MatchingLabels{"app": "later-tolerant"}) == nil && len(pods.Items) == 1
	}, waitLong, waitStep, "who may tolerate the taint may name the node:\n%s", w.process)
	require.NoError(t, w.client.List(t.Context(), pods, client.InNamespace(namespace), client.MatchingLabels{"app": "later"}))
	require.Empty(t, pods.Items)
}

func reservedMany(t *testing.T, w *world, namespace string) {
	t.Helper()
	many := make([]corev1.Toleration, 20_000)
	for i := range many {
		many[i] = corev1.Toleration{Key: fmt.Sprintf("k%d", i)}
	}
	bob := w.as(t, "bob")
	require.NoError(t, bob.Create(t.Context(), bearing(namespace, "many", many...), client.DryRunAll))
	many[len(many)-1] = reserved()
	require.Equal(t, []string{"spec.tolerations[19999]"}, causes(t, bob.Create(t.Context(), bearing(namespace, "many", many...))))
	for i := range many {
		many[i] = corev1.Toleration{Operator: corev1.TolerationOpExists}
	}
	require.NotEmpty(t, causes(t, bob.Create(t.Context(), bearing(namespace, "many", many...))))
}
