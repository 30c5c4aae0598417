//go:build bench

package webhook

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// The bars of a decision, measured where the API server stands: over TLS, at a rate that does not depend on the answers.
const (
	decisionRate   = 200 // a second
	decisionRounds = 4
	decisionTime   = 3 * time.Second
	decisionMedian = time.Millisecond
	policies       = 50
)

// askedWebhook is a webhook and what it is asked, with the time that each answer took.
type askedWebhook struct {
	name, url string
	body      []byte
	took      []time.Duration
	late      int // answers that came after the next question of the same caller was due
}

// TestWhatADecisionTakes measures decisions with 50 GuestPolicies and 50 ProtectedTaints in force, against a webhook that does nothing.
func TestWhatADecisionTakes(t *testing.T) {
	w := newWorld(t)
	w.restartAsDeployed(t)
	_, noop := w.noop(t)
	for i := range policies {
		w.createTaint(t, protectedTaint(fmt.Sprintf("study-%d", i), fmt.Sprintf("example.com/reserved-%d", i), reservedValue))
		policy := &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("guest-%d", i)}}
		if i == 0 {
			policy.Name = "pharma"
		}
		policy.Spec.Workload = &v1alpha1.Workload{Devices: []v1alpha1.ExtendedResource{"nvidia.com/gpu"}, IngressClasses: []v1alpha1.ObjectName{"guests"}}
		w.create(t, policy)
	}
	ours := fmt.Sprintf("https://localhost:%d", w.port)
	foreign, ordinary := w.foreign(t), w.namespace(t, nil)
	stored := func(namespace string) *corev1.Pod {
		p := ordinaryPod(namespace, "pod")
		p.Spec.Tolerations = []corev1.Toleration{{Key: "example.com/mine", Operator: corev1.TolerationOpExists}}
		require.NoError(t, w.client.Create(t.Context(), p, client.DryRunAll))
		return p
	}
	plain := stored(ordinary)
	requireReserved(t, ours, plain)
	guests := plain.DeepCopy()
	guests.Namespace = foreign
	all := []*askedWebhook{
		{name: "a webhook that does nothing", url: noop, body: review(t, guests)},
		{name: "inject a guest's pod", url: ours + "/inject-pod", body: review(t, guests)},
		{name: "judge a guest's pod", url: ours + "/judge", body: review(t, stored(foreign))},
		{name: "judge tolerations of the Hospital's pod", url: ours + "/judge-tolerations", body: review(t, plain)},
	}
	for round := range decisionRounds + 1 {
		for _, a := range all {
			a.ask(t, round > 0)
		}
	}
	reportDecisions(t, all)
}

// requireReserved waits until the ProtectedTaints are in force.
func requireReserved(t *testing.T, url string, p *corev1.Pod) {
	t.Helper()
	forbidden := p.DeepCopy()
	forbidden.Spec.Tolerations = append(forbidden.Spec.Tolerations, corev1.Toleration{Key: fmt.Sprintf("example.com/reserved-%d", policies-1), Value: reservedValue})
	body, caller := review(t, forbidden), insecure()
	require.Eventually(t, func() bool { return !answered(t, caller, url+"/judge-tolerations", body) }, waitLong, waitStep)
}

// ask sends the question at the rate, by eight callers as the API server has connections, and notes how long each answer took.
func (a *askedWebhook) ask(t *testing.T, counted bool) {
	t.Helper()
	const callers = 8
	took := make([][]time.Duration, callers)
	late := make([]int, callers)
	var all sync.WaitGroup
	began := time.Now()
	for caller := range callers {
		all.Go(func() {
			client, step := insecure(), callers*time.Second/decisionRate
			for due := began.Add(time.Duration(caller) * step / callers); due.Before(began.Add(decisionTime)); due = due.Add(step) {
				time.Sleep(time.Until(due))
				at := time.Now()
				if !answered(t, client, a.url, a.body) {
					t.Errorf("%s: refused", a.name)
				}
				took[caller] = append(took[caller], time.Since(at))
				if time.Since(due) > step {
					late[caller]++
				}
			}
		})
	}
	all.Wait()
	if counted {
		a.took = append(a.took, slices.Concat(took...)...)
		for _, n := range late {
			a.late += n
		}
	}
}

func reportDecisions(t *testing.T, all []*askedWebhook) {
	t.Helper()
	for _, a := range all {
		slices.Sort(a.took)
	}
	at := func(a *askedWebhook, percent int) time.Duration { return a.took[len(a.took)*percent/100] }
	for i, a := range all {
		median, tail := at(a, 50), at(a, 99)
		ratio := float64(tail) / float64(at(all[0], 99))
		t.Logf("%-40s median %5d µs, p99 %5d µs (x %.2f), %d of %d late at %d a second",
			a.name, median.Microseconds(), tail.Microseconds(), ratio, a.late, len(a.took), decisionRate)
		if i == 0 {
			continue
		}
		if median > decisionMedian || ratio > maxRatio || a.late > len(a.took)/100 {
			t.Errorf("%s: the bars are a median of %v, %.1f times the p99 of %s, and no more than 1 %% late", a.name, decisionMedian, maxRatio, all[0].name)
		}
	}
}

// review returns the question about the creation of a pod, as the API server sends it.
func review(t *testing.T, p *corev1.Pod) []byte {
	t.Helper()
	p = p.DeepCopy()
	p.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	object, err := json.Marshal(p)
	require.NoError(t, err)
	request := &admissionv1.AdmissionRequest{
		UID: types.UID("7f"), Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
		Name: p.Name, Namespace: p.Namespace, Operation: admissionv1.Create,
	}
	request.UserInfo.Username, request.UserInfo.Groups = "bob", []string{"system:authenticated"}
	request.Object.Raw = object
	body, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: request})
	require.NoError(t, err)
	return body
}

// insecure returns a caller with a connection of its own that it keeps. Whose certificate it meets is no part of what is measured.
func insecure() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: waitLong}
}

// answered asks, and returns whether the object is admitted.
func answered(t *testing.T, caller *http.Client, url string, body []byte) bool {
	t.Helper()
	response, err := caller.Post(url+"?timeout=5s", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Errorf("%s: %v", url, err)
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	answer := admissionv1.AdmissionReview{}
	if err != nil || json.Unmarshal(text, &answer) != nil || answer.Response == nil {
		t.Errorf("%s: %v: %s", url, err, text)
		return false
	}
	return answer.Response.Allowed
}
