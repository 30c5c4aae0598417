//go:build api

package webhook

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/tolerations"
)

// reservedTwin comes last: it stops the webhook.
func reservedTwin(t *testing.T, w *world, namespace string) {
	t.Helper()
	level := protectedTaint("level-nodes", "example.com/level", "7")
	level.Spec.Taint.Effect = "NoSchedule"
	w.createTaint(t, level)
	guests := w.guestSpace(t)
	w.process.stop()
	alice, bob := w.as(t, "alice"), w.as(t, "bob")
	// The API server sees a new parameter some milliseconds later.
	require.Eventually(t, func() bool {
		return bob.Create(t.Context(), bearing(namespace, "twin", corev1.Toleration{Key: "example.com/level", Value: "7"}), client.DryRunAll) != nil
	}, waitLong, waitStep)

	object := deployment(namespace, "twin")
	object.Spec.Template.Spec.Tolerations = []corev1.Toleration{reserved()}
	err := bob.Create(t.Context(), object.DeepCopy())
	require.ErrorContains(t, err, `ValidatingAdmissionPolicy 'data-space-tolerations'`)
	require.ErrorContains(t, err, `tolerates the taint example.com/reserved=study, which reserves nodes (ProtectedTaint "study-nodes"), and user "bob" has no right to it; remove the toleration`)
	require.NoError(t, alice.Create(t.Context(), object))
	object.Labels = map[string]string{"by": "bob"}
	object.Spec.Template.Spec.Tolerations = append([]corev1.Toleration{{Key: "mine"}}, object.Spec.Template.Spec.Tolerations...)
	require.NoError(t, bob.Update(t.Context(), object), "what was there counts in no order")
	require.NoError(t, w.as(t, "system:serviceaccount:kube-system:replicaset-controller", "system:authenticated").
		Create(t.Context(), bearing(namespace, "twin-made", reserved()), client.DryRunAll))
	require.NoError(t, bob.Create(t.Context(), bearing(metav1.NamespaceSystem, "twin", corev1.Toleration{Operator: corev1.TolerationOpExists}), client.DryRunAll))
	require.Error(t, w.admin(t).Create(t.Context(), bearing(namespace, "twin-admin", reserved())), "a rule for every verb is no right")
	guest := shadowPodOf(t, "twin", bearing("", "", reserved()).Spec)
	guest.SetNamespace(guests)
	require.Error(t, w.tenant(t).Create(t.Context(), guest), "in a guest's namespace nothing passes without the webhook")
	w.agreeOnTolerations(t, namespace)
	w.closeTolerations(t, namespace)
}

// closeTolerations installs the component deploy/closed-tolerations as its users do, while the webhook is away.
func (w *world) closeTolerations(t *testing.T, namespace string) {
	t.Helper()
	bob := w.as(t, "bob")
	tolerant, plain := deployment(namespace, "closed-tolerant"), deployment(namespace, "closed-plain")
	tolerant.Spec.Template.Spec.Tolerations = []corev1.Toleration{{Key: "mine"}}
	named := pod(namespace, "closed-named")
	named.Spec.NodeName = "node-1"
	require.NoError(t, bob.Create(t.Context(), tolerant.DeepCopy(), client.DryRunAll), "without the component, no protected taint is tolerated here")
	require.NoError(t, bob.Create(t.Context(), named.DeepCopy(), client.DryRunAll))

	rendered, current := &admissionregistrationv1.MutatingWebhookConfiguration{}, w.configuration(t)
	for _, object := range w.withComponent(t, "closed-tolerations") {
		if object.GetKind() == "MutatingWebhookConfiguration" {
			require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, rendered))
		}
	}
	require.Len(t, rendered.Webhooks, len(current.Webhooks))
	var changed []string
	for i := range current.Webhooks {
		if *current.Webhooks[i].FailurePolicy != *rendered.Webhooks[i].FailurePolicy {
			changed = append(changed, current.Webhooks[i].Name)
			current.Webhooks[i].FailurePolicy = rendered.Webhooks[i].FailurePolicy
		}
	}
	require.Equal(t, []string{"judge-tolerations.data-space.liqo.io"}, changed)
	require.NoError(t, w.client.Update(t.Context(), current))
	require.Eventually(t, func() bool {
		err := bob.Create(t.Context(), tolerant.DeepCopy(), client.DryRunAll)
		return err != nil && isOutage(err)
	}, waitLong, waitStep, "an object with a toleration of its own waits")
	require.ErrorContains(t, bob.Create(t.Context(), named.DeepCopy(), client.DryRunAll), "failed calling webhook", "a node by name does as well")
	require.NoError(t, bob.Create(t.Context(), plain, client.DryRunAll), "what adds no placement does not")
	require.NoError(t, bob.Create(t.Context(), bearing(metav1.NamespaceSystem, "closed", corev1.Toleration{Key: "mine"}), client.DryRunAll))
	require.NoError(t, w.as(t, "system:serviceaccount:kube-system:replicaset-controller", "system:authenticated").
		Create(t.Context(), bearing(namespace, "closed-made", corev1.Toleration{Key: "mine"}), client.DryRunAll))
}

// withComponent renders deploy with one of its components, with kubectl.
func (*world) withComponent(t *testing.T, component string) []*unstructured.Unstructured {
	t.Helper()
	directory := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(directory, "deploy"), os.DirFS(filepath.Join(root, "deploy"))))
	require.NoError(t, os.Mkdir(filepath.Join(directory, "mine"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "mine/kustomization.yaml"), []byte("resources: [../deploy]\ncomponents: [../deploy/"+component+"]\n"), 0o600))
	rendered, err := exec.Command(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), "kustomize", filepath.Join(directory, "mine")).Output()
	require.NoError(t, err)
	return decode(t, rendered)
}

// agreeOnTolerations compares the policy with the decision, for every form of a toleration. ShadowPods hold what the API server would not let into a pod.
func (w *world) agreeOnTolerations(t *testing.T, namespace string) {
	t.Helper()
	policy := tolerations.New([]tolerations.Taint{
		{Name: "study-nodes", Key: reservedKey, Value: reservedValue, Users: []string{"alice"}},
		{Name: "level-nodes", Key: "example.com/level", Value: "7", Effect: "NoSchedule", Users: []string{"alice"}},
	})
	for _, user := range []string{"alice", "bob"} {
		sender := w.as(t, user)
		for _, toleration := range forms() {
			found := policy.Tolerations(tolerations.Subject{User: user}, slices.All([]corev1.Toleration{toleration}), nil, field.NewPath("x"))
			shadow := shadowPodOf(t, "form", bearing("", "", toleration).Spec)
			shadow.SetNamespace(namespace)
			err := sender.Create(t.Context(), shadow, client.DryRunAll)
			require.Equal(t, len(found) > 0, err != nil, "%s: %+v: %v", user, toleration, err)
		}
	}
}

func forms() []corev1.Toleration {
	var all []corev1.Toleration
	for _, key := range []string{"", reservedKey, "example.com/level", "other"} {
		for _, operator := range []corev1.TolerationOperator{"", "Equal", "Exists", "Gt", "Lt"} {
			for _, value := range []string{"", reservedValue, "6", "7", "07", "-8"} {
				for _, effect := range []corev1.TaintEffect{"", "NoSchedule", "NoExecute"} {
					all = append(all, corev1.Toleration{Key: key, Operator: operator, Value: value, Effect: effect})
				}
			}
		}
	}
	return all
}
