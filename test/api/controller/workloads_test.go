//go:build api

package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/leastpriv"
	"data-space.liqo.io/pkg/programs/workloads"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/apiserver"
)

// The tests of workloads' policies have an API server of their own: its controller has the rights of deploy/workload-policies as well.
var sharedWorkloads = sync.OnceValues(startWorkloads)

func newWorkloads(t *testing.T) *world {
	t.Helper()
	w, err := sharedWorkloads()
	require.NoError(t, err)
	return w
}

func startWorkloads() (*world, error) {
	other, err := shared()
	if err != nil {
		return nil, err
	}
	server, err := apiserver.Start()
	if err != nil {
		return nil, err
	}
	stop := stopWorld
	stopWorld = func() error { return errors.Join(stop(), server.Stop()) }
	w := &world{Server: server, client: server.Client, clients: server.Clients, binary: other.binary}
	return w, errors.Join(
		server.Apply(context.Background(), root+"/deploy/namespace.yaml", root+"/deploy/controller.yaml",
			root+"/deploy/workload-policies/rights.yaml", root+"/deploy/workload-policies/admission-policy.yaml"),
		w.makeResolver(),
	)
}

func (w *world) startWorkloads(t *testing.T) *process {
	t.Helper()
	return w.start(t, "--workload-netpol=labelled")
}

// on makes a namespace whose workloads get policies.
func (w *world) on(t *testing.T, more ...string) string {
	t.Helper()
	labels := map[string]string{apis.LabelWorkloadNetpol: "true"}
	for i := 0; i < len(more); i += 2 {
		labels[more[i]] = more[i+1]
	}
	ns := w.namespace(t, labels)
	// The namespace stays, since no namespace controller runs: what later tests of this server see of it is off. Its policies are left to the
	// controller: one that is deleted under it is an Event, which a namespace that ends does not accept.
	t.Cleanup(func() {
		for _, list := range []client.Object{&appsv1.Deployment{}, &corev1.Pod{}, &corev1.Service{}} {
			_ = w.client.DeleteAllOf(context.Background(), list, client.InNamespace(ns), client.GracePeriodSeconds(0))
		}
	})
	return ns
}

func podOf(variables ...string) corev1.PodSpec {
	c := corev1.Container{Name: "app", Image: "x"}
	for i := 0; i < len(variables); i += 2 {
		c.Env = append(c.Env, corev1.EnvVar{Name: variables[i], Value: variables[i+1]})
	}
	return corev1.PodSpec{Containers: []corev1.Container{c}}
}

// deploy makes a Deployment whose pods have the label app.
func (w *world) deploy(t *testing.T, ns, app string, variables ...string) *appsv1.Deployment {
	t.Helper()
	labels := map[string]string{"app": app, apis.LabelManagedBy: "helm"}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: app}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podOf(variables...)},
	}}
	require.NoError(t, w.client.Create(t.Context(), d))
	return d
}

func (w *world) serve(t *testing.T, ns, app string, port, target int32) *corev1.Service {
	t.Helper()
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: app}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": app}, Ports: []corev1.ServicePort{{Name: "main", Port: port, TargetPort: intstr.FromInt32(target)}},
	}}
	require.NoError(t, w.client.Create(t.Context(), s))
	return s
}

func (w *world) policy(t *testing.T, ns, name string) *networkingv1.NetworkPolicy {
	t.Helper()
	return find(t, w, ns, name, &networkingv1.NetworkPolicy{})
}

// reasons are the lines that say why peers are there.
func (w *world) reasons(t *testing.T, ns, name string) string {
	t.Helper()
	if p := w.policy(t, ns, name); p != nil {
		return p.Annotations[leastpriv.AnnotationReasons]
	}
	return ""
}

func (w *world) eventuallyReason(t *testing.T, ns, name, text string) {
	t.Helper()
	eventually(t, name+" has a peer because of "+text, func() bool { return strings.Contains(w.reasons(t, ns, name), text) })
}

func (w *world) eventuallyNoReason(t *testing.T, ns, name, text string) {
	t.Helper()
	eventually(t, name+" has no peer because of "+text, func() bool {
		reasons := w.reasons(t, ns, name)
		return reasons != "" && !strings.Contains(reasons, text)
	})
}

// policyNames lists the policies of a namespace.
func (w *world) policyNames(t *testing.T, ns string) []string {
	t.Helper()
	var list networkingv1.NetworkPolicyList
	require.NoError(t, w.client.List(t.Context(), &list, client.InNamespace(ns)))
	names := []string{}
	for _, p := range list.Items {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

func (w *world) eventuallyPolicies(t *testing.T, ns string, names ...string) {
	t.Helper()
	slices.Sort(names)
	if names == nil {
		names = []string{}
	}
	ok := func() bool { return slices.Equal(names, w.policyNames(t, ns)) }
	require.Eventually(t, ok, waitLong, waitStep, "%s", lazily{func() string { return fmt.Sprint(names, " wanted, there are ", w.policyNames(t, ns)) }})
}

// notes returns those of the Events with a reason in a namespace.
func (w *world) notes(t *testing.T, ns, reason string) []string {
	t.Helper()
	list := &eventsv1.EventList{}
	require.NoError(t, w.client.List(t.Context(), list, client.InNamespace(ns)))
	var notes []string
	for _, e := range list.Items {
		if e.Reason == reason {
			notes = append(notes, e.Note)
		}
	}
	return notes
}

func (w *world) eventuallyNote(t *testing.T, ns, reason, text string) {
	t.Helper()
	eventually(t, "an Event "+reason+": "+text, func() bool {
		return slices.ContainsFunc(w.notes(t, ns, reason), func(n string) bool { return strings.Contains(n, text) })
	})
}

const web, db, closed = "data-space-deployment-web", "data-space-deployment-db", leastpriv.ClosedName

func TestBothEndsOfANameAreOpenedAndFollowed(t *testing.T) {
	w := newWorkloads(t)
	w.startWorkloads(t)
	front, back := w.on(t), w.on(t)
	w.deploy(t, front, "web", "DB", "postgres://u:p@db."+back+":5432/x", "OTHER", "db."+front+".svc.cluster.local")
	w.deploy(t, back, "db")
	w.eventuallyPolicies(t, front, web, closed)
	w.eventuallyPolicies(t, back, db, closed)
	require.NotContains(t, w.reasons(t, front, web), "Service", "there is none yet")

	service := w.serve(t, back, "db", 5432, 15432)
	w.eventuallyReason(t, front, web, "to pods app=db in namespace "+back+", ports TCP/15432: container app, variable DB names Service "+back+"/db")
	w.eventuallyReason(t, back, db, "from pods app=web in namespace "+front+", ports TCP/15432: Deployment "+front+"/web, container app, variable DB")
	peer := w.policy(t, front, web).Spec.Egress[3]
	require.Equal(t, map[string]string{corev1.LabelMetadataName: back}, peer.To[0].NamespaceSelector.MatchLabels)
	require.Equal(t, map[string]string{"app": "db"}, peer.To[0].PodSelector.MatchLabels)
	require.EqualValues(t, 15432, peer.Ports[0].Port.IntVal)

	service.Spec.Ports[0].TargetPort = intstr.FromString("pg")
	require.NoError(t, w.client.Update(t.Context(), service))
	w.eventuallyReason(t, front, web, "ports TCP/pg")
	w.eventuallyReason(t, back, db, "ports TCP/pg")

	t.Log("The variable goes: so do both ends.")
	w.edit(t, front, func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Env = d.Spec.Template.Spec.Containers[0].Env[1:]
	})
	w.eventuallyNoReason(t, front, web, "Service")
	w.eventuallyNoReason(t, back, db, "Deployment "+front)
	t.Log("It comes back, and the Service goes.")
	w.edit(t, front, func(d *appsv1.Deployment) { d.Spec.Template.Spec = podOf("DB", "db."+back) })
	w.eventuallyReason(t, front, web, "Service")
	require.NoError(t, w.client.Delete(t.Context(), service))
	w.eventuallyNoReason(t, front, web, "Service")
	w.eventuallyNoReason(t, back, db, "Deployment "+front)
	t.Log("A Service without a selector has the endpoints that somebody writes.")
	w.endpoint(t, back)
	w.eventuallyReason(t, front, web, "to address 198.51.100.7/32, ports TCP/8080")

	t.Log("The workload goes, and its policy with it.")
	require.NoError(t, w.client.Delete(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: front, Name: "web"}}))
	w.eventuallyPolicies(t, front, closed)
	w.label(t, front, apis.LabelWorkloadNetpol, "")
	w.eventuallyPolicies(t, front)
}

func (w *world) edit(t *testing.T, ns string, change func(*appsv1.Deployment)) {
	t.Helper()
	d := &appsv1.Deployment{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "web"}, d))
	change(d)
	require.NoError(t, w.client.Update(t.Context(), d))
}

func (w *world) endpoint(t *testing.T, ns string) {
	t.Helper()
	require.NoError(t, w.client.Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "db"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "x", Port: 80}}},
	}))
	name, port, protocol := "x", int32(8080), corev1.ProtocolTCP
	require.NoError(t, w.client.Create(t.Context(), &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: ns, Name: "db-1", Labels: map[string]string{discoveryv1.LabelServiceName: "db"}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"198.51.100.7"}}},
	}))
}

func TestVariablesFromConfigMapsAndSecretsAreFollowed(t *testing.T) {
	w := newWorkloads(t)
	w.start(t, "--workload-netpol=labelled", "--cluster-domain=hospital.internal")
	ns := w.on(t)
	for _, name := range []string{"a", "b", "c"} {
		w.serve(t, ns, name, 80, 80)
	}
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "conf"}, Data: map[string]string{"URL": "http://a." + ns + ".svc.hospital.internal"}}
	require.NoError(t, w.client.Create(t.Context(), config))
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "cred"}, StringData: map[string]string{"url": "http://c"}}
	require.NoError(t, w.client.Create(t.Context(), secret))
	d := w.deploy(t, ns, "web")
	d.Spec.Template.Spec.Containers[0].EnvFrom = []corev1.EnvFromSource{
		{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}}},
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "cred"}}},
	}
	require.NoError(t, w.client.Update(t.Context(), d))
	w.eventuallyReason(t, ns, web, "ConfigMap conf key URL names Service "+ns+"/a")
	w.eventuallyNote(t, ns, workloads.ReasonIncomplete, "Secret cred is not there or may not be read")
	require.NotContains(t, w.reasons(t, ns, web), "Secret", "no right to read it is given")

	config.Data["URL"] = "http://b"
	require.NoError(t, w.client.Update(t.Context(), config))
	w.eventuallyReason(t, ns, web, "names Service "+ns+"/b")
	w.eventuallyNoReason(t, ns, web, "Service "+ns+"/a")

	t.Log("The Hospital lets the controller read the Secrets of this namespace.")
	require.NoError(t, w.client.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "secrets"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "data-space-workload-secrets"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: apis.SystemNamespace, Name: apis.ControllerName}},
	}))
	eventually(t, "the Secret is read when the template changes, as by kubectl rollout restart, and twice a minute", func() bool {
		w.edit(t, ns, func(d *appsv1.Deployment) {
			d.Spec.Template.Annotations = map[string]string{"restarted": time.Now().String()}
		})
		time.Sleep(time.Second)
		return strings.Contains(w.reasons(t, ns, web), "Secret cred key url names Service "+ns+"/c")
	})
}

func TestAPolicyIsRestoredAndThenLeftAlone(t *testing.T) {
	w := newWorkloads(t)
	w.startWorkloads(t)
	ns := w.on(t)
	w.deploy(t, ns, "web")
	w.eventuallyPolicies(t, ns, web, closed)
	want := w.policy(t, ns, web)
	require.Len(t, want.OwnerReferences, 1)
	require.Equal(t, workloads.RoleName, want.OwnerReferences[0].Name)

	edited := want.DeepCopy()
	edited.Spec.Egress = append(edited.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
	edited.Annotations["team"] = "a"
	require.NoError(t, w.client.Update(t.Context(), edited))
	eventually(t, "it is as it was", func() bool { return len(w.policy(t, ns, web).Spec.Egress) == len(want.Spec.Egress) })
	require.Equal(t, "a", w.policy(t, ns, web).Annotations["team"], "what others add is theirs")
	w.eventuallyNote(t, ns, workloads.ReasonRestored, web+": [spec] had been changed and is as it was")

	require.NoError(t, w.client.Delete(t.Context(), edited))
	eventually(t, "it is back", func() bool { return w.policy(t, ns, web) != nil })
	w.eventuallyNote(t, ns, workloads.ReasonRestored, "had been deleted and is back")

	require.NoError(t, w.client.Delete(t.Context(), w.policy(t, ns, closed)))
	w.eventuallyPolicies(t, ns, web, closed)
	versions := func() []string {
		return []string{w.policy(t, ns, web).ResourceVersion, w.policy(t, ns, closed).ResourceVersion}
	}
	stored := versions()
	w.serve(t, ns, "unrelated", 80, 80) // asks for a round
	time.Sleep(quiet)
	require.Equal(t, stored, versions(), "a policy as it is stored is not written again: the API server drops empty lists")
	require.NotContains(t, w.policy(t, ns, closed).Spec.String(), "Ingress:[]networking", "the premise: an empty list is stored as none")
}

func TestAPolicyOfSomebodyElseIsNotTouched(t *testing.T) {
	w := newWorkloads(t)
	ns := w.on(t)
	theirs := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: web, Labels: map[string]string{apis.LabelManagedBy: apis.ControllerName}}}
	require.NoError(t, w.client.Create(t.Context(), theirs))
	w.startWorkloads(t)
	w.deploy(t, ns, "web")
	w.eventuallyNote(t, ns, workloads.ReasonNameTaken, "NetworkPolicy "+ns+"/"+web+" is not the controller's and is left as it is")
	w.eventuallyPolicies(t, ns, web, closed)
	require.Equal(t, theirs.ResourceVersion, w.policy(t, ns, web).ResourceVersion)

	t.Log("Even with the controller's credentials it cannot be written.")
	token, err := w.Token(t.Context(), apis.SystemNamespace, apis.ControllerName)
	require.NoError(t, err)
	config := rest.CopyConfig(w.Config)
	config.TLSClientConfig = rest.TLSClientConfig{CAData: w.Config.CAData}
	config.BearerToken = token
	thief, err := client.New(config, client.Options{})
	require.NoError(t, err)
	unlabelled := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "open"}}
	eventually(t, "the API server has read the policy that binds the controller", func() bool {
		return thief.Create(t.Context(), unlabelled.DeepCopy(), client.DryRunAll) != nil
	})
	stolen := theirs.DeepCopy()
	stolen.Labels[leastpriv.LabelPolicy] = "enforce"
	for what, err := range map[string]error{
		"takes it over": thief.Update(t.Context(), stolen), "deletes it": thief.Delete(t.Context(), theirs.DeepCopy()),
		"makes one without the label": thief.Create(t.Context(), unlabelled),
	} {
		require.True(t, apierrors.IsForbidden(err) || apierrors.IsInvalid(err), "%s: %v", what, err)
		require.ErrorContains(t, err, "the controller writes only NetworkPolicies with the label", what)
	}
	require.NoError(t, w.client.Delete(t.Context(), theirs), "the premise: who may, can")
}

func TestWhatIsLeftOverIsCollectedAfterARestart(t *testing.T) {
	w := newWorkloads(t)
	p := w.startWorkloads(t)
	ns := w.on(t)
	d := w.deploy(t, ns, "web")
	bare := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "unlabelled"}, Spec: podOf()}
	require.NoError(t, w.client.Create(t.Context(), bare))
	long := strings.Repeat("n", 250)
	require.NoError(t, w.client.Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: long, Labels: map[string]string{"app": "x"}}, Spec: podOf()}))
	hashed := leastpriv.PolicyName(leastpriv.KindPod, long)
	w.eventuallyPolicies(t, ns, web, closed, "data-space-pod-unlabelled", hashed)
	eventually(t, "it selects what the others do not", func() bool {
		return metav1.FormatLabelSelector(&w.policy(t, ns, "data-space-pod-unlabelled").Spec.PodSelector) == "!app,!app.kubernetes.io/managed-by"
	})
	p.stop(t)

	require.NoError(t, w.client.Delete(t.Context(), d))
	require.NoError(t, w.client.Delete(t.Context(), bare, client.GracePeriodSeconds(0)))
	require.Len(t, w.policyNames(t, ns), 4, "nobody collects them")
	p = w.startWorkloads(t)
	w.eventuallyPolicies(t, ns, closed, hashed)
	p.stop(t)
	w.label(t, ns, apis.LabelWorkloadNetpol, "false")
	w.startWorkloads(t)
	w.eventuallyPolicies(t, ns)
}

func TestAuditWritesPoliciesThatSelectNothing(t *testing.T) {
	w := newWorkloads(t)
	w.startWorkloads(t)
	ns := w.on(t, apis.LabelWorkloadNetpol, "audit")
	w.deploy(t, ns, "web")
	w.eventuallyPolicies(t, ns, web, closed)
	p := w.policy(t, ns, web)
	require.JSONEq(t, `{"matchLabels":{"app":"web"}}`, p.Annotations[leastpriv.AnnotationSelects])
	require.Len(t, p.Spec.PodSelector.MatchExpressions, 2)
	w.label(t, ns, apis.LabelWorkloadNetpol, "true")
	eventually(t, "it is in force", func() bool {
		p := w.policy(t, ns, web)
		_, audits := p.Annotations[leastpriv.AnnotationSelects]
		return p.Spec.PodSelector.MatchLabels["app"] == "web" && !audits && p.Labels[leastpriv.LabelPolicy] == "enforce"
	})
	w.label(t, ns, apis.LabelWorkloadNetpol, "maybe")
	require.Contains(t, w.eventuallyEvent(t, ns, workloads.ReasonLabelIgnored), `use "true", "audit" or "false"`)
	w.eventuallyPolicies(t, ns)
}

func TestAGuestsNamespaceIsNarrowedToWhatItsPodsMention(t *testing.T) {
	w := newWorkloads(t)
	w.startWorkloads(t)
	hospital := w.on(t, apis.LabelNetpolAllow, "true")
	restricted := w.on(t)
	for _, ns := range []string{hospital, restricted} {
		w.deploy(t, ns, "db")
		w.serve(t, ns, "db", 80, 80)
	}
	guest := w.on(t, apis.LabelRemoteCluster, "pharma")
	labels := map[string]string{"app": "study", apis.LabelNetpolAllow: "true"}
	require.NoError(t, w.client.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: guest, Name: "study", Labels: labels}, Spec: podOf("A", "db."+hospital, "B", "db."+restricted),
	}))
	const study = "data-space-pod-study"
	w.eventuallyReason(t, guest, study, "Service "+hospital+"/db")
	w.eventuallyPolicies(t, guest, study, apis.NetworkPolicyName)
	eventually(t, "the Hospital's policy opens DNS only", func() bool {
		p := w.networkPolicy(t, guest)
		return len(p.Spec.Ingress) == 0 && len(p.Spec.Egress) == 1
	})
	for _, r := range w.policy(t, guest, study).Spec.Egress {
		for _, peer := range r.To {
			if ns := peer.NamespaceSelector; ns != nil && ns.MatchLabels[corev1.LabelMetadataName] == restricted {
				require.Equal(t, "true", peer.PodSelector.MatchLabels[apis.LabelNetpolAllow], "only pods that the Hospital has labelled")
			}
		}
	}
	w.eventuallyReason(t, hospital, db, "guests, by the Hospital's label")
	for _, ns := range []string{hospital, restricted} {
		w.eventuallyNoReason(t, ns, db, "Pod "+guest+"/study")
	}

	w.label(t, guest, apis.LabelWorkloadNetpol, "")
	eventually(t, "the Hospital's policy is as without", func() bool { return len(w.networkPolicy(t, guest).Spec.Ingress) == 1 })
	w.eventuallyPolicies(t, guest, apis.NetworkPolicyName)
}

// Kubernetes' own controllers make ReplicaSets and pods: these have no policies beside their owner's.
func TestOneWorkloadHasOnePolicyWhateverKubernetesMakesForIt(t *testing.T) {
	w := newWorkloads(t)
	w.controllerManager(t, "deployment-controller,replicaset-controller,job-controller,cronjob-controller")
	w.startWorkloads(t)
	ns := w.on(t)
	w.deploy(t, ns, "web")
	eventually(t, "the Deployment has a pod", func() bool {
		var pods corev1.PodList
		require.NoError(t, w.client.List(t.Context(), &pods, client.InNamespace(ns)))
		return len(pods.Items) == 1
	})
	w.eventuallyPolicies(t, ns, web, closed)
	t.Log("A pod that its ReplicaSet loses is a workload of its own.")
	var pods corev1.PodList
	require.NoError(t, w.client.List(t.Context(), &pods, client.InNamespace(ns)))
	pod := pods.Items[0]
	before := client.MergeFrom(pod.DeepCopy())
	pod.Labels = map[string]string{"app": "lost"}
	require.NoError(t, w.client.Patch(t.Context(), &pod, before))
	w.eventuallyPolicies(t, ns, web, closed, "data-space-pod-"+pod.Name)
}

// What workloads mention is taken note of only where a namespace is on: the API server is asked when one is turned on. API servers that do not stream
// lists are read page by page.
func TestANamespaceThatIsTurnedOnIsReadThen(t *testing.T) {
	for way, streams := range map[string]string{"streamed": "true", "paged": "false"} {
		t.Run(way, func(t *testing.T) {
			w := newWorkloads(t)
			ns := w.on(t, apis.LabelWorkloadNetpol, "false")
			w.serve(t, ns, "db", 80, 8080)
			w.deploy(t, ns, "web", "DB", "db."+ns)
			for i := range 25 { // more than a page
				w.deploy(t, ns, fmt.Sprint("more", i))
			}
			t.Setenv("KUBE_FEATURE_WatchListClient", streams)
			w.startWorkloads(t)
			crowded := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "crowded", Labels: map[string]string{}}, Spec: podOf()}
			for i := range 200 {
				crowded.Labels[fmt.Sprint("label", i)] = strings.Repeat("x", 63)
			}
			require.NoError(t, w.client.Create(t.Context(), crowded))
			w.label(t, ns, apis.LabelWorkloadNetpol, "true")
			w.eventuallyReason(t, ns, web, "ports TCP/8080: container app, variable DB names Service "+ns+"/db")
			eventually(t, "each has its policy", func() bool { return len(w.policyNames(t, ns)) == 27 })
			w.eventuallyNote(t, ns, workloads.ReasonIncomplete, "its labels, selector and ports have more than 8192 bytes: it has no policy of its own")
			t.Log("What is turned on is followed.")
			w.edit(t, ns, func(d *appsv1.Deployment) { d.Spec.Template.Spec = podOf("URL", "http://db:80") })
			w.eventuallyReason(t, ns, web, "variable URL names Service "+ns+"/db")
			w.eventuallyNoReason(t, ns, web, "variable DB")
		})
	}
}
