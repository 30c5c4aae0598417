//go:build api

package webhook

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/withhold"
)

// closedOutput: what the guest's processes write into statuses and Events reaches the guest, and with the component it does not.
func closedOutput(t *testing.T, w *world) {
	t.Helper()
	namespace := w.guestSpace(t)
	w.reporters(t, namespace)
	p := pod(namespace, "app")
	w.create(t, p)
	node := w.as(t, "system:node:node1", "system:nodes")
	secret := strings.Repeat("patient 4711, ", 290)
	require.NoError(t, w.report(t, node, p, secret))
	require.Equal(t, secret, w.told(t, p), "by default the guest reads it")
	probe := event(namespace, "probe", "kubelet")
	probe.Reason, probe.Message = "Unhealthy", "Readiness probe failed: "+secret[:900]
	require.NoError(t, node.Create(t.Context(), probe.DeepCopy()))
	require.Contains(t, w.heard(t, namespace, "probe"), "4711")

	w.close(t)
	defer w.open(t)
	require.Eventually(t, func() bool {
		return w.report(t, node, p, secret+"again") == nil && w.told(t, p) == withhold.Text
	}, waitLong, waitStep, "%s", w.process)
	require.Contains(t, w.process.String(), "text withheld")
	require.NotContains(t, w.process.String(), "patient 4711")
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(p), p))
	version := p.ResourceVersion
	require.NoError(t, w.report(t, node, p, secret+"again"), "a kubelet that finds another status than its own reports again, every ten seconds")
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(p), p))
	require.Equal(t, version, p.ResourceVersion, "and nothing is written")
	closedEvents(t, w, namespace, node, secret)
	closedOutage(t, w, namespace, node, p)
}

func closedEvents(t *testing.T, w *world, namespace string, node client.Client, secret string) {
	t.Helper()
	again, err := json.Marshal(map[string]any{"message": "Readiness probe failed: " + secret[:800], "count": 2})
	require.NoError(t, err)
	require.NoError(t, node.Patch(t.Context(), event(namespace, "probe", ""), client.RawPatch(types.StrategicMergePatchType, again)))
	require.Equal(t, withhold.Text, w.heard(t, namespace, "probe"))
	for name, e := range map[string]client.Object{
		"hook":   reasoned(event(namespace, "hook", "kubelet"), "FailedPostStartHook", secret[:900]),
		"error":  reasoned(event(namespace, "error", "kubelet"), "Failed", "Error: chdir "+secret[:100]),
		"newer":  noted(newEvent(namespace, "newer", "kubelet", "node1"), "ProbeWarning", secret[:900]),
		"others": reasoned(event(namespace, "others", "some-agent"), "Unhealthy", secret[:900]),
	} {
		require.NoError(t, node.Create(t.Context(), e), name)
		require.Equal(t, withhold.Text, w.heard(t, namespace, name), name)
	}
	plain := reasoned(event(namespace, "plain", "kubelet"), "Started", "Started container app")
	require.NoError(t, node.Create(t.Context(), plain))
	require.Equal(t, "Started container app", w.heard(t, namespace, "plain"))
	own := reasoned(event(namespace, "own", "pharma-operator"), "Unhealthy", "mine")
	require.NoError(t, w.tenant(t).Create(t.Context(), own))
	require.Equal(t, "mine", w.heard(t, namespace, "own"))
	elsewhere := w.namespace(t, nil)
	w.reporters(t, elsewhere)
	require.EventuallyWithT(t, func(c *assert.CollectT) { // The API server has its own time for a new binding.
		require.NoError(c, node.Create(t.Context(), reasoned(event(elsewhere, "probe", "kubelet"), "Unhealthy", "the Hospital's")))
	}, waitLong, waitStep)
	require.Equal(t, "the Hospital's", w.heard(t, elsewhere, "probe"))
}

// closedOutage: without the webhook nothing is shown, and what has nothing to withhold goes on.
func closedOutage(t *testing.T, w *world, namespace string, node client.Client, p *corev1.Pod) {
	t.Helper()
	w.process.stop()
	defer w.start(t, "--api-output=closed")
	require.ErrorContains(t, w.report(t, node, p, "more"), "failed calling webhook")
	require.ErrorContains(t, node.Create(t.Context(), reasoned(event(namespace, "late", "kubelet"), "Unhealthy", "more")), "failed calling webhook")
	require.NoError(t, w.report(t, node, p, ""), "a container that ended without a word")
	require.NoError(t, node.Create(t.Context(), reasoned(event(namespace, "late", "kubelet"), "Started", "Started container app")))
	machine := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node1"}}
	w.create(t, machine)
	w.deleteLater(t, machine)
	machine.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Message: "ready"}}
	require.NoError(t, w.client.SubResource("status").Update(t.Context(), machine), "nodes do not notice")
}

// report writes the status of a container that has ended with these last words, as a kubelet does.
func (w *world) report(t *testing.T, node client.Client, p *corev1.Pod, words string) error {
	t.Helper()
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", Message: words}}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"containerStatuses": []corev1.ContainerStatus{
		{Name: "app", State: ended, LastTerminationState: ended},
	}}})
	require.NoError(t, err)
	return node.SubResource("status").Patch(t.Context(), p.DeepCopy(), client.RawPatch(types.StrategicMergePatchType, patch))
}

// told returns what the guest reads as a container's last words.
func (w *world) told(t *testing.T, p *corev1.Pod) string {
	t.Helper()
	found := &corev1.Pod{}
	require.NoError(t, w.tenant(t).Get(t.Context(), client.ObjectKeyFromObject(p), found))
	require.Equal(t, found.Status.ContainerStatuses[0].State, found.Status.ContainerStatuses[0].LastTerminationState)
	return found.Status.ContainerStatuses[0].State.Terminated.Message
}

func (w *world) heard(t *testing.T, namespace, name string) string {
	t.Helper()
	found := &corev1.Event{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, found))
	return found.Message
}

func reasoned(e *corev1.Event, reason, message string) *corev1.Event {
	e.Reason, e.Message = reason, message
	return e
}

func noted(e *eventsv1.Event, reason, note string) *eventsv1.Event {
	e.Reason, e.Note = reason, note
	return e
}

// close installs the component as its users do, with kubectl.
func (w *world) close(t *testing.T) {
	t.Helper()
	closed := false
	for _, object := range w.withComponent(t, "closed-output") {
		closed = closed || object.GetName() == name && strings.Contains(jsonOf(t, object.Object), "--api-output=closed")
		if object.GetKind() != "MutatingWebhookConfiguration" {
			continue
		}
		pointTo(t, object, w.port)
		wanted, before := &admissionregistrationv1.MutatingWebhookConfiguration{}, w.configuration(t)
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, wanted))
		require.Len(t, wanted.Webhooks, len(before.Webhooks)+4, "two, and the same for marked namespaces")
		before.Webhooks = wanted.Webhooks
		require.NoError(t, w.client.Update(t.Context(), before))
	}
	require.True(t, closed, "the Deployment gets the flag")
	w.process.stop()
	w.start(t, "--api-output=closed")
}

// open takes the component away.
func (w *world) open(t *testing.T) {
	t.Helper()
	configuration := w.configuration(t)
	configuration.Webhooks = configuration.Webhooks[:len(configuration.Webhooks)-2]
	require.NoError(t, w.client.Update(t.Context(), configuration))
	w.process.stop()
	w.start(t)
}
