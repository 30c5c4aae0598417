//go:build api

package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

const (
	rival      = "biotech"
	floodTime  = 12 * time.Second
	floodSends = 6
)

// TestFlood has one guest send the largest objects that an API server takes, without a pause, while another one creates small pods.
func TestFlood(t *testing.T) {
	w := newWorld(t)
	w.liqo(t)
	w.restartAsDeployed(t)
	w.fairness(t, guest, rival)
	flooded, other := w.guestSpace(t), w.rivalSpace(t)

	w.encodings(t, flooded)

	alone := w.smallPods(t, other, 3*time.Second)
	ctx, stop := context.WithTimeout(t.Context(), floodTime)
	defer stop()
	var workers sync.WaitGroup
	var sent atomic.Int64
	answers := tally{counts: map[string]int{}}
	objects := floodObjects()
	for i := range floodSends {
		workers.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				object := objects[n%len(objects)]
				sent.Add(1)
				answers.add(w.send(ctx, t, flooded, object))
			}
		})
	}
	time.Sleep(time.Second)
	during := w.smallPods(t, other, floodTime-3*time.Second)
	stop()
	workers.Wait()

	peak, limit := w.peakMemory(t), w.memoryLimit(t)
	t.Logf("%d giants sent; a small ShadowPod took %v alone and %v meanwhile (median; at most %v); the webhook took %d MiB of %d MiB",
		sent.Load(), middle(alone), middle(during), slices.Max(during), peak>>20, limit>>20)
	t.Log(answers.counts)
	require.Zero(t, answers.counts["201"], "a giant was admitted")
	require.Positive(t, answers.counts["422 by the webhook"])
	require.GreaterOrEqual(t, sent.Load(), int64(floodSends))
	// Each was admitted. How fast is the log's to say: the API server reads the giants as well, and shares this machine's cores.
	require.NotEmpty(t, during)
	require.Less(t, peak, limit*3/4)
	select {
	case <-w.process.ended:
		t.Fatalf("the webhook has ended: %v\n%s", w.process.failure, w.process)
	default:
	}
}

// fairness installs the optional component, for these guests.
func (w *world) fairness(t *testing.T, guests ...string) {
	t.Helper()
	for _, object := range manifest(t, "fairness/fairness.yaml") {
		if object.GetName() == "data-space-guests" && object.GetKind() == "FlowSchema" {
			var subjects []any
			for _, name := range guests {
				subjects = append(subjects, map[string]any{"kind": "Group", "group": map[string]any{"name": name}})
			}
			rules, _, err := unstructured.NestedSlice(object.Object, "spec", "rules")
			require.NoError(t, err)
			rules[0].(map[string]any)["subjects"] = subjects
			require.NoError(t, unstructured.SetNestedSlice(object.Object, rules, "spec", "rules"))
		}
		w.create(t, object)
		w.deleteLater(t, object)
	}
	schemas := map[string]string{}
	for _, name := range []string{"data-space-liqo", "data-space-guests"} {
		schema, err := w.clients.FlowcontrolV1().FlowSchemas().Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		schemas[name] = string(schema.UID)
	}
	namespace := w.guestSpace(t)
	for path, name := range map[string]string{
		"/apis/offloading.liqo.io/v1beta1/namespaces/%s/shadowpods": "data-space-liqo", "/api/v1/namespaces/%s/services": "data-space-guests",
	} {
		require.Eventually(t, func() bool { return w.flowOf(t, namespace, path) == schemas[name] }, waitLong, waitStep, path)
	}
}

// flowOf returns the FlowSchema by which the API server takes a write of the guest.
func (w *world) flowOf(t *testing.T, namespace, path string) string {
	t.Helper()
	response, err := w.post(t.Context(), t, namespace, giant{path, `{}`})
	require.NoError(t, err)
	defer response.Body.Close()
	return response.Header.Get("X-Kubernetes-PF-FlowSchema-UID")
}

// rivalSpace returns a namespace of another guest, with that guest's rights in it.
func (w *world) rivalSpace(t *testing.T) string {
	t.Helper()
	namespace := w.namespace(t, map[string]string{apis.LabelRemoteCluster: rival})
	w.create(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "liqo-tenant-" + rival},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "liqo-virtual-kubelet-remote"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: rival}},
	})
	return namespace
}

// smallPods creates ShadowPods and Pods of the other guest for some time, and returns how long each pair took. Each must be admitted.
func (w *world) smallPods(t *testing.T, namespace string, long time.Duration) []time.Duration {
	t.Helper()
	guest := w.as(t, "slice-"+rival, rival)
	var took []time.Duration
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		small := shadowPodOf(t, fmt.Sprintf("small-%d", time.Now().UnixNano()), pod("", "").Spec)
		small.SetNamespace(namespace)
		began := time.Now()
		require.NoError(t, guest.Create(t.Context(), small))
		p := pod(namespace, small.GetName())
		require.NoError(t, w.client.Create(t.Context(), p))
		took = append(took, time.Since(began))
		requireProxy(t, p)
		require.NoError(t, w.client.Delete(t.Context(), p, client.GracePeriodSeconds(0)))
	}
	return took
}

func middle(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// giant is an object to be posted as it stands.
type giant struct{ path, body string }

func floodObjects() []giant {
	const shadow, core = "/apis/offloading.liqo.io/v1beta1/namespaces/%s/shadowpods", "/api/v1/namespaces/%s/"
	list := func(element string, size int) string {
		return strings.TrimSuffix(strings.Repeat(element+",", size/(len(element)+1)), ",")
	}
	shadowPod := func(spec string) giant {
		return giant{shadow, `{"apiVersion":"offloading.liqo.io/v1beta1","kind":"ShadowPod","metadata":{"name":"giant"},"spec":{"pod":{` + spec + `}}}`}
	}
	return []giant{
		shadowPod(`"tolerations":[` + list(`{}`, 60<<10) + `]`),
		shadowPod(`"tolerations":[` + list(`{}`, 1200<<10) + `]`),
		shadowPod(`"tolerations":[` + list(`{}`, 60<<10) + `]`),
		shadowPod(`"containers":[` + list(`{"name":"x","securityContext":{"privileged":true}}`, 700<<10) + `]`),
		{core + "services", `{"metadata":{"name":"giant"},"spec":{"type":"NodePort","externalIPs":[` + list(`"x"`, 1<<20) + `]}}`},
		{"/apis/offloading.liqo.io/v1beta1/namespaces/%s/shadowendpointslices",
			`{"apiVersion":"offloading.liqo.io/v1beta1","kind":"ShadowEndpointSlice","metadata":{"name":"giant"},"spec":{"template":{"addressType":"IPv4","endpoints":[` +
				list(`{"addresses":["198.51.100.1"]}`, 1<<20) + `]}}}`},
		{core + "services", protobufService(60 << 10)},
		{core + "services", protobufService(600 << 10)},
	}
}

// protobufBegins is what an object in the API server's protobuf encoding begins with.
const protobufBegins = "k8s\x00"

// protobufService is a Service with so many ports, two bytes each. As JSON, which the API server passes on, a port has 25.
func protobufService(ports int) string {
	field := func(number protowire.Number, value []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
	}
	raw := append(field(1, field(1, []byte("giant"))), field(2, bytes.Repeat(field(1, nil), ports))...)
	text, err := (&runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: "Service"}, Raw: raw}).Marshal()
	if err != nil {
		return err.Error()
	}
	return protobufBegins + string(text)
}

// encodings asserts that an object in another encoding is bounded the same. A webhook reads JSON only, so the API server converts:
// what is small in protobuf may be large then, and the bounds count what the webhook would read. CBOR is not enabled in API
// servers of today.
func (w *world) encodings(t *testing.T, namespace string) {
	t.Helper()
	const services = "/api/v1/namespaces/%s/services"
	require.Contains(t, w.send(t.Context(), t, namespace, giant{services, protobufService(1)}), "422 ", "it is understood: the port's number is missing")
	require.Equal(t, "422 by the webhook", w.send(t.Context(), t, namespace, giant{services, protobufService(4 << 10)}), "more ports than are judged")
	require.Equal(t, "413 by the webhook", w.send(t.Context(), t, namespace, giant{services, protobufService(600 << 10)}), "1.2 MiB, and 15 as JSON")
	require.Contains(t, w.send(t.Context(), t, namespace, giant{services, "\xd9\xd9\xf7\xa0"}), "415 ")
}

// tally counts answers. Safe for concurrent use.
type tally struct {
	mutex  sync.Mutex
	counts map[string]int
}

func (c *tally) add(answer string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.counts[answer]++
}

// post sends an object as the flooding guest. The caller closes the answer's body.
func (w *world) post(ctx context.Context, t *testing.T, namespace string, object giant) (*http.Response, error) {
	t.Helper()
	config := w.impersonating(guestUser, guest)
	transport, err := rest.HTTPClientFor(config)
	require.NoError(t, err)
	url := strings.TrimSuffix(config.Host, "/") + fmt.Sprintf(object.path, namespace)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(object.body))
	require.NoError(t, err)
	request.Header.Set("Accept", "application/json")
	switch {
	case strings.HasPrefix(object.body, protobufBegins):
		request.Header.Set("Content-Type", "application/vnd.kubernetes.protobuf")
	case strings.HasPrefix(object.body, "\xd9\xd9\xf7"): // RFC 8949, 3.4.6
		request.Header.Set("Content-Type", "application/cbor")
	default:
		request.Header.Set("Content-Type", "application/json")
	}
	return transport.Do(request)
}

// send returns the status of an object's creation, and whether it is the webhook's.
func (w *world) send(ctx context.Context, t *testing.T, namespace string, object giant) string {
	t.Helper()
	response, err := w.post(ctx, t, namespace, object)
	if err != nil {
		return "none" // The flood's end, or the API server's refusal to go on.
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if strings.Contains(string(text), ".data-space.liqo.io\\\" denied the request") {
		return fmt.Sprint(response.StatusCode, " by the webhook")
	}
	return fmt.Sprintf("%d %.200s", response.StatusCode, text)
}
