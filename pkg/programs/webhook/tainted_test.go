package webhook

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/tolerations"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// fakeCluster has one node and one class that are reserved, and counts what it is asked.
type fakeCluster struct {
	asked   int
	rights  map[string]bool
	unknown error
}

func (c *fakeCluster) NodeTaints(_ context.Context, node string) ([]corev1.Taint, error) {
	c.asked++
	if node == "absent" {
		return nil, apierrors.NewNotFound(corev1.Resource("nodes"), node)
	}
	if node != "reserved" {
		return nil, c.unknown
	}
	return []corev1.Taint{{Key: "k", Value: "v", Effect: corev1.TaintEffectNoSchedule}}, c.unknown
}

func (c *fakeCluster) ClassTolerations(_ context.Context, class string) ([]corev1.Toleration, error) {
	c.asked++
	if class != "reserved" {
		return nil, c.unknown
	}
	return []corev1.Toleration{{Key: "k", Value: "v"}}, c.unknown
}

func (c *fakeCluster) MayTolerate(_ context.Context, _ authenticationv1.UserInfo, taint string) (bool, error) {
	c.asked++
	return c.rights[taint], c.unknown
}

func taintJudging(cluster *fakeCluster, taints ...tolerations.Taint) *taintJudge {
	policy := tolerations.New(taints)
	return &taintJudge{
		policy: func() *tolerations.Policy { return policy }, cluster: cluster, granted: func(context.Context, string) (tolerations.Subject, bool, error) {
			return tolerations.Subject{}, false, nil
		},
		namespaces: known{
			"hospital": nil, "pharma": {apis.LabelRemoteCluster: "pharma"}, "tenant": {apis.LabelRemoteCluster: "pharma", apis.LabelTenantNamespace: "true"},
		},
		trusted: TrustedControllers(), exempt: []string{"liqo"}, places: placements(), log: slog.New(slog.DiscardHandler),
	}
}

func protected() tolerations.Taint {
	return tolerations.Taint{Name: "nodes", Key: "k", Value: "v", Users: []string{"alice"}, Groups: []string{"team"}}
}

// written returns the request of a user who creates an object.
func taintRequest(thing, user, namespace, object string) admission.Request {
	req := asked(admissionv1.Create, thing, object, "")
	req.Namespace, req.UserInfo.Username = namespace, user
	req.OldObject.Raw = nil
	return req
}

const reservedPod = `{"spec":{"tolerations":[{"key":"k","value":"v"}]}}`

func TestWithoutProtectedTaintsNothingIsDecoded(t *testing.T) {
	cluster := &fakeCluster{}
	for thing := range placements() {
		require.True(t, taintJudging(cluster).Handle(t.Context(), taintRequest(thing, "bob", "unreadable", `{"spec":`)).Allowed, thing)
	}
	require.Zero(t, cluster.asked)
}

func TestWhoseRightDecides(t *testing.T) {
	const controller = "system:serviceaccount:kube-system:replicaset-controller"
	for what, c := range map[string]struct {
		namespace, user string
		allowed         bool
	}{
		"a user":                                {"hospital", "bob", false},
		"a listed user":                         {"hospital", "alice", true},
		"a listed user in a guest's namespace":  {"pharma", "alice", false},
		"a controller":                          {"hospital", controller, true},
		"a controller in a guest's namespace":   {"pharma", controller, false},
		"a user named like a controller":        {"hospital", controller + "s", false},
		"a user in Liqo's tenant namespace":     {"tenant", "bob", true},
		"a user in an exempt namespace":         {"liqo", "bob", true},
		"a user in the cluster's own namespace": {metav1.NamespaceSystem, "bob", true},
		"a user in our own namespace":           {apis.SystemNamespace, "bob", true},
		"a namespace that cannot be read":       {"unreadable", "alice", false},
	} {
		response := taintJudging(&fakeCluster{}, protected()).Handle(t.Context(), taintRequest("/pods", c.user, c.namespace, reservedPod))
		require.Equal(t, c.allowed, response.Allowed, what)
	}
	granted := taintJudging(&fakeCluster{}, protected())
	granted.granted = func(context.Context, string) (tolerations.Subject, bool, error) {
		return tolerations.Subject{Granted: []tolerations.Grant{{Key: "k"}}}, false, nil
	}
	require.True(t, granted.Handle(t.Context(), taintRequest("/pods", "bob", "pharma", reservedPod)).Allowed)
	granted.granted = func(context.Context, string) (tolerations.Subject, bool, error) {
		return tolerations.Subject{}, true, nil
	}
	audited := granted.Handle(t.Context(), taintRequest("/pods", "bob", "pharma", reservedPod))
	require.True(t, audited.Allowed)
	require.Len(t, audited.Warnings, 1)
	require.Contains(t, audited.Warnings[0], `mode Audit: spec.tolerations[0]: Forbidden: it tolerates the taint k=v, which reserves nodes, and guest "pharma" has no right to it`)
	require.True(t, taintJudging(&fakeCluster{rights: map[string]bool{"nodes": true}}, protected()).Handle(t.Context(), taintRequest("/pods", "bob", "hospital", reservedPod)).Allowed)
	require.False(t, taintJudging(&fakeCluster{rights: map[string]bool{"nodes": true}}, protected()).Handle(t.Context(), taintRequest("/pods", "bob", "pharma", reservedPod)).Allowed,
		"rights of users do not count where the guest is the subject")
}

func TestANodeThatWasReservedAfterATemplateWasWrittenIsDecidedAgain(t *testing.T) {
	const controller = "system:serviceaccount:kube-system:replicaset-controller"
	for object, allowed := range map[string]bool{
		`{"spec":{"nodeName":"reserved"}}`: false, `{"spec":{"nodeName":"absent"}}`: false, `{"spec":{"nodeName":"free"}}`: true,
		`{"spec":{"nodeName":"reserved","tolerations":[{"key":"k","value":"v"}]}}`: true,
		`{"spec":{"nodeName":"reserved","tolerations":[{"key":"k","value":"w"}]}}`: false,
		`{"spec":{"nodeName":"reserved","tolerations":{}}}`:                        false,
	} {
		response := taintJudging(&fakeCluster{}, protected()).Handle(t.Context(), taintRequest("/pods", controller, "hospital", object))
		require.Equal(t, allowed, response.Allowed, object)
	}
	template := `{"spec":{"template":{"spec":{"nodeName":"reserved"}}}}`
	require.True(t, taintJudging(&fakeCluster{}, protected()).Handle(t.Context(), taintRequest("apps/replicasets", controller, "hospital", template)).Allowed,
		"a ReplicaSet copies its Deployment's template; its pods are decided about")
	require.True(t, taintJudging(&fakeCluster{}, protected()).Handle(t.Context(), taintRequest("/pods/binding", "system:kube-scheduler", "hospital", `{"target":{"name":"reserved"}}`)).Allowed)
}

func TestWhatModeAuditAdmitsIsCounted(t *testing.T) {
	judge := taintJudging(&fakeCluster{}, protected())
	judge.audited = makeAuditCounter()
	judge.granted = func(context.Context, string) (tolerations.Subject, bool, error) {
		return tolerations.Subject{}, true, nil
	}
	require.True(t, judge.Handle(t.Context(), taintRequest("/pods", "bob", "pharma", reservedPod)).Allowed)
	judge.Handle(t.Context(), taintRequest("/pods", "bob", "hospital", reservedPod))
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(judge.audited))
	counted, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, counted, 1)
	require.Len(t, counted[0].GetMetric(), 1)
	labels := map[string]string{}
	for _, label := range counted[0].GetMetric()[0].GetLabel() {
		labels[label.GetName()] = label.GetValue()
	}
	require.Equal(t, map[string]string{"guest": "pharma", "resource": "/pods", "section": "scheduling"}, labels)
	require.InDelta(t, 1, counted[0].GetMetric()[0].GetCounter().GetValue(), 0)
}

func TestOnlyWhatMattersIsAskedOfTheCluster(t *testing.T) {
	for what, c := range map[string]struct {
		thing, object string
		asked         int
		allowed       bool
	}{
		"nothing":                     {"/pods", `{}`, 0, true},
		"another toleration":          {"/pods", `{"spec":{"tolerations":[{"key":"x","operator":"Exists"}]}}`, 0, true},
		"a right":                     {"/pods", reservedPod, 1, false},
		"a node":                      {"/pods", `{"spec":{"nodeName":"other"}}`, 1, true},
		"a reserved node":             {"apps/deployments", `{"spec":{"template":{"spec":{"nodeName":"reserved"}}}}`, 2, false},
		"a node that is not there":    {"/pods", `{"spec":{"nodeName":"absent"}}`, 2, false},
		"a class that pods have got":  {"/pods", `{"spec":{"runtimeClassName":"reserved"}}`, 0, true},
		"a class of a template":       {"batch/jobs", `{"spec":{"template":{"spec":{"runtimeClassName":"reserved"}}}}`, 2, false},
		"a field in another spelling": {"/pods", `{"spec":{"Tolerations":[{"key":"k","value":"v"}],"NODENAME":"reserved"}}`, 0, true},
		"an open toleration":          {"/pods", `{"spec":{"tolerations":[{"operator":"Exists"}]}}`, 0, false},
	} {
		cluster := &fakeCluster{}
		response := taintJudging(cluster, protected()).Handle(t.Context(), taintRequest(c.thing, "bob", "hospital", c.object))
		require.Equal(t, c.allowed, response.Allowed, what)
		require.Equal(t, c.asked, cluster.asked, what)
	}
	for _, object := range []string{reservedPod, `{"spec":{"nodeName":"other"}}`} {
		response := taintJudging(&fakeCluster{unknown: errors.New("it is away")}, protected()).Handle(t.Context(), taintRequest("/pods", "bob", "hospital", object))
		require.False(t, response.Allowed)
		require.Contains(t, response.Result.Message, "it is away; try again")
	}
	require.False(t, taintJudging(&fakeCluster{}, protected()).Handle(t.Context(), taintRequest("/pods", "bob", "hospital", `{"spec":{"tolerations":7}}`)).Allowed)
}

// One request asks for a bounded number of rights, and what is reported has a bound.
func TestRightsAreAskedABoundedNumberOfTimes(t *testing.T) {
	var taints []tolerations.Taint
	var object strings.Builder
	for i := range 100 {
		key := string(rune('a'+i%26)) + strings.Repeat("x", i)
		taints = append(taints, tolerations.Taint{Name: key, Key: key})
		object.WriteString(`{"key":"` + key + `"},`)
	}
	cluster := &fakeCluster{}
	response := taintJudging(cluster, taints...).Handle(t.Context(), taintRequest("/pods", "bob", "hospital", `{"spec":{"tolerations":[`+strings.TrimSuffix(object.String(), ",")+`]}}`))
	require.False(t, response.Allowed)
	require.Equal(t, maxAsked, cluster.asked)
	requireSmall(t, response)
}

func requireSmall(t *testing.T, response admission.Response) {
	t.Helper()
	text, err := json.Marshal(response)
	require.NoError(t, err)
	require.Less(t, len(text), 64<<10)
}

func TestWhileTheTaintsAreUnknownTheAPIServerDecides(t *testing.T) {
	taints := &protectedTaints{}
	server := taints.inFrontOf(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	status := func() int {
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPost, taintPath, nil))
		return recorder.Code
	}
	require.Equal(t, http.StatusServiceUnavailable, status())
	taints.synced.Store(true)
	require.Equal(t, http.StatusTeapot, status())
	require.True(t, taints.Policy().Empty())
	taints.set([]any{
		&v1alpha1.ProtectedTaint{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: v1alpha1.ProtectedTaintSpec{Taint: v1alpha1.Taint{Key: "k", Value: "v"}}}, "something else"})
	require.False(t, taints.Policy().Empty())
	taints.set(nil)
	require.True(t, taints.Policy().Empty())
}

// FuzzPlacement has the scanner and a decoder read the same object: what the one finds there, the other finds.
func FuzzPlacement(f *testing.F) {
	things := slices.Sorted(maps.Keys(placements()))
	for i := range things {
		f.Add(uint8(i), `{"spec":{"template":{"spec":{"tolerations":[{"key":"k","value":"v"}]}},"pod":{"tolerations":[{"operator":"Exists"}]}}}`, "{}")
		f.Add(uint8(i), `{"spec":{"tolerations":[{},{"key":"k","operator":"Equal","value":"v","tolerationSeconds":3}],"nodeName":"reserved"},"target":{"name":"reserved"}}`, `{"spec":{"tolerations":[{}]}}`)
	}
	f.Fuzz(func(t *testing.T, kind uint8, object, before string) {
		thing := things[int(kind)%len(things)]
		req := taintRequest(thing, "bob", "hospital", object)
		response := taintJudging(&fakeCluster{}, protected()).Handle(t.Context(), req)
		requireSmall(t, response)
		if list, is := decodedWhole(object, placements()[thing]); is && thing != "/pods/binding" && thing != "/bindings" {
			refused := slices.ContainsFunc(list, func(toleration corev1.Toleration) bool {
				return len(tolerations.New([]tolerations.Taint{protected()}).Tolerations(tolerations.Subject{User: "bob"}, slices.All([]corev1.Toleration{toleration}), nil, nil)) > 0
			})
			require.False(t, refused && response.Allowed, "%s of %s", object, thing)
		}
		req.Operation, req.OldObject.Raw = admissionv1.Update, []byte(before)
		requireSmall(t, taintJudging(&fakeCluster{}, protected()).Handle(t.Context(), req))
		req.OldObject.Raw = req.Object.Raw
		if list, is := decodedWhole(object, placements()[thing]); is && len(list) > 0 {
			require.True(t, taintJudging(&fakeCluster{}, protected()).Handle(t.Context(), req).Allowed, "what was there before is never refused: %s", object)
		}
	})
}

// decodedWhole returns the tolerations of an object as a decoder reads it, if the object is written as the API server writes one: its decoder
// has read it, and its encoder gives each field one name.
func decodedWhole(object string, at []string) ([]corev1.Toleration, bool) {
	var whole any
	if json.Unmarshal([]byte(object), &whole) != nil {
		return nil, false
	}
	written, err := json.Marshal(whole)
	if err != nil || string(written) != object {
		return nil, false
	}
	for _, name := range append(slices.Clone(at), "tolerations") {
		members, is := whole.(map[string]any)
		if !is {
			return nil, false
		}
		whole = members[name]
	}
	text, err := json.Marshal(whole)
	var list []corev1.Toleration
	return list, err == nil && json.Unmarshal(text, &list) == nil
}

// TestAGuestsPodIsJudgedAndPlacedByOneCall: the API server asks once about a pod as it will be stored.
func TestAGuestsPodIsJudgedAndPlacedByOneCall(t *testing.T) {
	taints := &protectedTaints{}
	judging := judging()
	judging.rules = map[string]func(admit.Settings) rule{"/pods": func(admit.Settings) rule {
		return func(admission.Request) (field.ErrorList, error) { return nil, nil }
	}}
	judging.reserved = taints.decidedBy(taintJudging(&fakeCluster{}, protected()))
	usual := `{"spec":{"tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}]}}`
	allowed := func(object string) bool {
		return judging.Handle(t.Context(), taintRequest("/pods", "alice", "pharma", object)).Allowed
	}
	require.True(t, allowed(usual), "while the taints are not known")
	require.True(t, allowed(`{"spec":{}}`))
	for _, object := range []string{reservedPod, `{"spec":{"nodeName":"free"}}`, `{"spec":{"tolerations":[{"key":"other"}]}}`, `{"spec":{"tolerations":7}}`} {
		require.False(t, allowed(object), "while the taints are not known: %s", object)
	}
	taints.synced.Store(true)
	require.True(t, allowed(usual))
	require.True(t, allowed(`{"spec":{"tolerations":[{"key":"other"}]}}`))
	require.False(t, allowed(reservedPod))
	judging.reserved = nil
	require.True(t, allowed(reservedPod), "where no node is reserved")
}
