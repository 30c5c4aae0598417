//go:build api

package webhook

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/gate"
)

// candidate is a pod made of some attempts.
type candidate struct {
	name string
	pod  *corev1.Pod
	// policy says that one of the attempts is the policy's to refuse too.
	policy bool
	// brought says that the pod has another proxy than the webhook's: no ShadowPod may bring one.
	brought bool
	// replaced says that the webhook makes the pod one that it admits.
	replaced bool
}

// verdicts on a candidate, as a Pod and inside a ShadowPod.
type verdicts struct{ pod, shadow string }

// TestAgreement asks the webhook alone, then the policy alone, about every attempt and about several hundred mixtures:
// what the policy refuses the webhook refuses, and the worst both refuse, as a Pod and as a ShadowPod alike.
func TestAgreement(t *testing.T) {
	w := newWorld(t)
	w.liqo(t)
	w.create(t, &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "sandboxed"}, Handler: "sandboxed"})
	namespace := w.guestSpace(t)
	base := pod(namespace, "app")
	base.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
	require.NoError(t, w.client.Create(t.Context(), base, client.DryRunAll))
	base = &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "app", Labels: base.Labels, Annotations: base.Annotations}, Spec: base.Spec}
	base.Spec.Priority, base.Spec.PreemptionPolicy = nil, nil
	all := candidates(base)

	w.remove(t, "admission-policy.yaml", "ValidatingAdmissionPolicyBinding")
	w.eventually(t, base, func(p *corev1.Pod) { p.Spec.HostIPC = true }, "webhook")
	webhook := w.ask(t, all)
	for _, object := range manifest(t, "admission-policy.yaml") {
		if object.GetKind() == "ValidatingAdmissionPolicyBinding" {
			w.create(t, object)
		}
	}
	w.remove(t, "webhook.yaml", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
	w.eventually(t, base, func(p *corev1.Pod) { p.Spec.InitContainers = nil }, "policy")
	policy := w.ask(t, all)

	require.Equal(t, verdicts{"admitted", "admitted"}, webhook[0], "nothing is wrong with what the attempts start from")
	require.Equal(t, verdicts{"admitted", "admitted"}, policy[0])
	for i, c := range all[1:] {
		refused := verdicts{"webhook", "webhook"}
		if c.replaced {
			refused.pod = "admitted"
		}
		require.Equal(t, refused, webhook[i+1], c.name)
		for answer, policy := range map[string]bool{policy[i+1].pod: c.policy, policy[i+1].shadow: c.policy || c.brought} {
			require.Contains(t, []string{"admitted", "policy", "kubernetes"}, answer, c.name)
			require.Equal(t, policy, answer == "policy" || answer == "kubernetes" && policy, "%s: the policy says %s", c.name, answer)
		}
		require.NotEqual(t, "kubernetes", policy[i+1].shadow, "%s: nobody else judges a ShadowPod", c.name)
	}
	giants(t, w, base)
	requireTable(t, base.DeepCopy())
}

// giants: without the webhook, what is larger than its limits is refused for its size, by the policy.
func giants(t *testing.T, w *world, base *corev1.Pod) {
	t.Helper()
	for what, change := range map[string]func(*corev1.PodSpec, int){
		"tolerations": func(s *corev1.PodSpec, n int) {
			for i := range n {
				s.Tolerations = append(s.Tolerations, corev1.Toleration{Key: fmt.Sprintf("example.com/%d", i), Operator: corev1.TolerationOpExists})
			}
		},
		"capabilities": func(s *corev1.PodSpec, n int) {
			s.Containers[0].SecurityContext.Capabilities.Add = slices.Repeat([]corev1.Capability{"CHOWN"}, n)
		},
		"ports": func(s *corev1.PodSpec, n int) {
			for i := range n {
				s.Containers[0].Ports = append(s.Containers[0].Ports, corev1.ContainerPort{Name: fmt.Sprintf("p%d", i), ContainerPort: int32(1000 + i%10000)})
			}
		},
	} {
		for n, refused := range map[int]bool{200: false, 300: true, 8000: true} {
			p := base.DeepCopy()
			p.Spec.InitContainers = nil
			change(&p.Spec, n)
			shadow := shadowPodOf(t, "app", p.Spec)
			shadow.SetNamespace(p.Namespace)
			err := w.client.Create(t.Context(), shadow, client.DryRunAll)
			if !refused {
				require.NoError(t, err, "%d %s", n, what)
				continue
			}
			require.ErrorContains(t, err, "a list of the pod is too long", "%d %s", n, what)
		}
	}
}

// candidates returns the pod itself, every attempt, and mixtures of them.
func candidates(base *corev1.Pod) []candidate {
	singles := attempts()
	all := []candidate{{name: "nothing", pod: base}}
	mix := func(some ...attempt) {
		c := candidate{pod: base.DeepCopy()}
		for _, a := range some {
			a.change(c.pod)
			c.name, c.policy = c.name+" + "+a.name, c.policy || a.policy
		}
		c.brought = !equality.Semantic.DeepEqual(c.pod.Spec.InitContainers, base.Spec.InitContainers)
		all = append(all, c)
	}
	for _, a := range singles {
		mix(a)
	}
	for _, a := range proxyAttempts() {
		mix(a)
		all[len(all)-1].replaced = true
	}
	dice := rand.New(rand.NewSource(4))
	for range 300 {
		order := dice.Perm(len(singles))[:2+dice.Intn(3)]
		slices.Sort(order)
		var some []attempt
		for _, i := range order {
			some = append(some, singles[i])
		}
		mix(some...)
	}
	return all
}

// ask creates every candidate without storing it, and tells who refused.
func (w *world) ask(t *testing.T, all []candidate) []verdicts {
	t.Helper()
	answers := make([]verdicts, 0, len(all))
	for _, c := range all {
		spec := c.pod.DeepCopy().Spec
		if !c.brought {
			spec.InitContainers = nil // the webhook gives the pod its proxy
		}
		shadow := shadowPodOf(t, "app", spec)
		shadow.SetNamespace(c.pod.Namespace)
		shadow.SetLabels(c.pod.Labels)
		annotations := maps.Clone(c.pod.Annotations)
		delete(annotations, gate.AnnotationGuest) // that is the pod's own
		shadow.SetAnnotations(annotations)
		answers = append(answers, verdicts{
			pod:    verdict(w.client.Create(t.Context(), c.pod.DeepCopy(), client.DryRunAll)),
			shadow: verdict(w.client.Create(t.Context(), shadow, client.DryRunAll)),
		})
	}
	return answers
}

func verdict(err error) string {
	switch {
	case err == nil:
		return "admitted"
	case strings.Contains(err.Error(), "admission webhook") && !isOutage(err):
		return "webhook"
	case strings.Contains(err.Error(), "ValidatingAdmissionPolicy") && !strings.Contains(err.Error(), "resulted in error"):
		return "policy"
	case strings.Contains(err.Error(), "resulted in error"):
		return err.Error()
	}
	return "kubernetes"
}

// eventually waits until the API server has taken notice of who is to be asked.
func (w *world) eventually(t *testing.T, base *corev1.Pod, change func(*corev1.Pod), who string) {
	t.Helper()
	probe := base.DeepCopy()
	change(probe)
	require.Eventually(t, func() bool {
		return verdict(w.client.Create(t.Context(), probe.DeepCopy(), client.DryRunAll)) == who
	}, waitLong, waitStep)
}

// remove deletes objects of a manifest by their kind.
func (w *world) remove(t *testing.T, file string, kinds ...string) {
	t.Helper()
	for _, object := range manifest(t, file) {
		if slices.Contains(kinds, object.GetKind()) {
			require.NoError(t, w.client.Delete(t.Context(), object))
		}
	}
}
