//go:build api

package crds

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// whole has each field of a GuestPolicy.
const whole = `
metadata: {name: pharma}
spec:
  state: Active
  suspendWithTenant: Drained
  workload:
    mode: Audit
    podSecurity: restricted
    runtimeClasses: [kata]
    devices: [nvidia.com/gpu]
    seccompProfiles: [profiles/a.json]
    priorityClasses: [studies]
    storageClasses: [fast]
    ingressClasses: []
    serviceTypes: [ClusterIP, NodePort]
    endpointNetworks: [203.0.113.0/24, "2001:db8::/32"]
    exec: Denied
    portForward: Denied
  scheduling:
    mode: Enforce
    nodeSelector: {pool: guests}
    taints: [{key: hospital.example/gpu, value: a100, effect: NoSchedule}, {key: batch}]
  network:
    egress:
    - {names: [api.example.org], ports: [{port: 443}]}
    - to: [{namespaceSelector: {matchLabels: {a: b}}, podSelector: {}}, {ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.128/25]}}]
      ports: [{port: 5432}, {protocol: UDP, port: dns}, {port: 8000, endPort: 8010}]
    homeAPI: Allowed
    ingress:
    - from: [{podSelector: {matchLabels: {a: b}}}]
  visibility:
    nodes: [{names: [node-1]}, {pattern: "gpu-.*", operations: [List, Update]}]
    storageClasses: [{selector: {matchLabels: {tier: guests}}}]
    ingressClasses: [{names: [nginx]}]
    priorityClasses: [{names: [studies]}]
    runtimeClasses: [{names: [kata]}]
    resources: [{group: snapshot.storage.k8s.io, resource: volumesnapshotclasses, objects: [{selector: {}}, {names: ["a:b"]}]}]
    subjects: [{kind: User, name: ann}, {kind: ServiceAccount, namespace: pharma-study, name: default}]
`

func TestAGuestPolicyWithEachFieldIsStored(t *testing.T) {
	require.NoError(t, create(t, "GuestPolicy", whole))
	require.NoError(t, create(t, "GuestPolicy", "metadata: {name: default}"), "each field may be left out")
	require.NoError(t, create(t, "GuestPolicy", "metadata: {name: default}\nspec: {state: Suspended}"))
}

func TestAContradictionIsRefusedByFieldAndRemedy(t *testing.T) {
	spec := func(text string) string { return "metadata: {name: pharma}\nspec: " + text }
	port := func(text string) string {
		return spec(`{network: {egress: [{to: [{podSelector: {}}], ports: [` + text + `]}]}}`)
	}
	for object, messages := range map[string][]string{
		`metadata: {name: pharma.example}`:  {"named after the guest's cluster id", "default for all guests"},
		spec(`{state: Paused}`):             {"spec.state", `"Active", "Suspended"`},
		spec(`{suspendWithTenant: Always}`): {"spec.suspendWithTenant", `"Never", "Drained", "Cordoned"`},
		spec(`{network: {egress: [{to: [{ipBlock: {cidr: 169.254.169.254/32}}]}]}}`):                        {"spec.network.egress[0].to[0].ipBlock", "are never opened; remove it"},
		spec(`{network: {egress: [{to: [{ipBlock: {cidr: "fe80::/64"}}]}]}}`):                               {"are never opened"},
		spec(`{network: {ingress: [{from: [{podSelector: {}}], ports: [{port: 13041}]}]}}`):                 {"spec.network.ingress[0]", "the proxy of each pod listens on this port"},
		spec(`{workload: {podSecurity: privileged}}`):                                                       {"spec.workload.podSecurity", `"baseline", "restricted"`},
		spec(`{workload: {devices: [gpu]}}`):                                                                {"spec.workload.devices[0]"},
		spec(`{workload: {serviceTypes: [ExternalName]}}`):                                                  {"spec.workload.serviceTypes[0]", `"ClusterIP", "NodePort", "LoadBalancer"`},
		spec(`{workload: {endpointNetworks: [203.0.113.9/24]}}`):                                            {"spec.workload.endpointNetworks[0]", "write the network's own address"},
		spec(`{workload: {runtimeClasses: [a, a]}}`):                                                        {"spec.workload.runtimeClasses[1]", "Duplicate"},
		spec(`{network: {egress: [{ports: [{port: 80}]}]}}`):                                                {"spec.network.egress[0]", "add to or names"},
		spec(`{network: {egress: [{to: [], names: []}]}}`):                                                  {"spec.network.egress[0]", "add to or names"},
		spec(`{network: {egress: [{names: ["*.example.org"]}]}}`):                                           {"spec.network.egress[0].names[0]", "should match"},
		spec(`{network: {egress: [{names: [10.0.0.1]}]}}`):                                                  {"spec.network.egress[0].names[0]", "should match"},
		spec(`{network: {egress: [{names: [api.example.org.]}]}}`):                                          {"spec.network.egress[0].names[0]", "should match"},
		spec(`{network: {ingress: [{from: [{}]}]}}`):                                                        {"spec.network.ingress[0].from[0]", "name one of these"},
		spec(`{network: {egress: [{to: [{podSelector: {}, ipBlock: {cidr: 203.0.113.0/24}}]}]}}`):           {"spec.network.egress[0].to[0]", "write a second peer"},
		spec(`{network: {egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24, except: [198.51.100.0/24]}}]}]}}`): {"spec.network.egress[0].to[0].ipBlock", "must lie within cidr"},
		spec(`{network: {egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.0/24]}}]}]}}`):  {"be smaller than it"},
		port(`{endPort: 90}`):             {"ports[0]", "a range begins at port"},
		port(`{port: 100, endPort: 90}`):  {"ports[0]", "correct port, or remove endPort"},
		port(`{port: web, endPort: 90}`):  {"ports[0]", "a range begins at port, a number"},
		port(`{port: 70000}`):             {"ports[0]", "use 1 to 65535"},
		port(`{protocol: ICMP, port: 1}`): {"ports[0].protocol", `"TCP", "UDP", "SCTP"`},
		spec(`{scheduling: {nodeSelector: {data-space.liqo.io.node-restriction.kubernetes.io/enforced: "false"}}}`):                                          {"spec.scheduling.nodeSelector", "remove it here"},
		spec(`{scheduling: {taints: [{key: a, effect: Never}]}}`):                                                                                            {"spec.scheduling.taints[0].effect", `"NoSchedule"`},
		spec(`{visibility: {nodes: [{names: [a], pattern: b}]}}`):                                                                                            {"spec.visibility.nodes[0]", "keep one"},
		spec(`{visibility: {nodes: [{pattern: "("}]}}`):                                                                                                      {"spec.visibility.nodes[0]", "error parsing regexp"},
		spec(`{visibility: {nodes: [{names: [a], operations: [Delete]}]}}`):                                                                                  {"spec.visibility.nodes[0].operations", "add List"},
		spec(`{visibility: {subjects: [{kind: Group, name: "system:authenticated"}]}}`):                                                                      {"spec.visibility.subjects[0]", "name a subject of the guest"},
		spec(`{visibility: {subjects: [{kind: ServiceAccount, name: default}]}}`):                                                                            {"spec.visibility.subjects[0]", "a ServiceAccount has one"},
		spec(`{visibility: {resources: [{resource: Nodes, objects: [{names: [a]}]}]}}`):                                                                      {"spec.visibility.resources[0].resource"},
		spec(`{visibility: {resources: [{resource: nodes, objects: [{names: [a]}]}]}}`):                                                                      {"spec.visibility.resources[0]", "Nodes by visibility.nodes"},
		spec(`{visibility: {resources: [{group: node.k8s.io, resource: runtimeclasses, objects: [{names: [a]}]}]}}`):                                         {"a field of its own"},
		spec(`{visibility: {resources: [{group: rbac.authorization.k8s.io, resource: clusterroles, objects: [{names: [a], operations: [List, Update]}]}]}}`): {"grant List only"},
		spec(`{visibility: {resources: [{group: core.liqo.io, resource: foreignclusters, objects: [{selector: {}, operations: [List, Delete]}]}]}}`):         {"grant List only"},
		spec(`{visibility: {nodes: [{selector: {matchLabels: {"a b": c}}}]}}`):                                                                               {"spec.visibility.nodes[0].selector.matchLabels", "not the key of a label"},
		spec(`{visibility: {nodes: [{selector: {matchLabels: {a: "b c"}}}]}}`):                                                                               {"spec.visibility.nodes[0].selector.matchLabels.a"},
		spec(`{visibility: {nodes: [{selector: {matchExpressions: [{key: a, operator: In}]}}]}}`):                                                            {"matchExpressions[0]", "In and NotIn have at least one"},
		spec(`{visibility: {nodes: [{selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}]}}`):                                           {"matchExpressions[0]", "DoesNotExist have none"},
		spec(`{visibility: {nodes: [{selector: {matchExpressions: [{key: a, operator: Gt, values: ["1"]}]}}]}}`):                                             {"matchExpressions[0].operator"},
		spec(`{visibility: {nodes: [{names: [a/status]}]}}`):                                                                                                 {"spec.visibility.nodes[0].names[0]"},
		spec(`{visibility: {nodes: [{names: [..]}]}}`):                                                                                                       {"spec.visibility.nodes[0].names[0]"},
		spec(`{visibility: {nodes: [{pattern: "` + strings.Repeat("a", 257) + `"}]}}`):                                                                       {"spec.visibility.nodes[0].pattern", "256"},
		"metadata: {name: default}\nspec: {visibility: {subjects: [{kind: User, name: ann}]}}":                                                               {"subjects of every guest"},
		spec(`{nodeSelector: {a: b}}`): {`unknown field "spec.nodeSelector"`},
	} {
		err := create(t, "GuestPolicy", object)
		for _, message := range messages {
			require.ErrorContains(t, err, message, object)
		}
	}
}

func TestAProtectedTaintNamesOneTaintOfTheHospitals(t *testing.T) {
	named := func(spec string) string { return "metadata: {name: gpu}\nspec: " + spec }
	for _, object := range []string{
		named(`{taint: {key: hospital.example/gpu, value: a100}, allowedUsers: [ann], allowedGroups: [radiology]}`),
		named(`{taint: {key: gpu}}`),
		named(`{taint: {key: gpu, value: "", effect: NoExecute}, allowedUsers: ["system:serviceaccount:batch:runner"]}`),
	} {
		require.NoError(t, create(t, "ProtectedTaint", object), object)
	}
	for object, message := range map[string]string{
		named(`{}`):                                           "spec.taint: Required",
		named(`{taint: {}}`):                                  "spec.taint.key: Required",
		named(`{taint: {key: "a b"}}`):                        "spec.taint.key",
		named(`{taint: {key: a, value: "b c"}}`):              "spec.taint.value",
		named(`{taint: {key: a, effect: NoRun}}`):             `spec.taint.effect: Unsupported value: "NoRun": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"`,
		named(`{taint: {key: node.kubernetes.io/not-ready}}`): "protect a taint with a key of your own",
		named(`{taint: {key: a}, allowedUsers: [ann, ann]}`):  "spec.allowedUsers[1]: Duplicate",
		named(`{taint: {key: a}, allowedGroups: [""]}`):       "spec.allowedGroups[0]",
		named(`{taint: {key: a}, allowed_users: [ann]}`):      `unknown field "spec.allowed_users"`,
	} {
		require.ErrorContains(t, create(t, "ProtectedTaint", object), message, object)
	}
}

// TestTheTypesReadWhatIsStored: a list that is empty is not one that was left out, which is taken from the GuestPolicy default.
func TestTheTypesReadWhatIsStored(t *testing.T) {
	c := newServer(t).Client
	written := &v1alpha1.GuestPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "typed"},
		Spec: v1alpha1.GuestPolicySpec{
			State:    v1alpha1.Suspended,
			Workload: &v1alpha1.Workload{Devices: []v1alpha1.ExtendedResource{}, Exec: v1alpha1.Denied},
			Network: &v1alpha1.Network{Egress: []v1alpha1.EgressRule{{
				To: []v1alpha1.Peer{{PodSelector: &v1alpha1.Selector{}}}, Ports: []v1alpha1.Port{{}},
			}}},
			Visibility: &v1alpha1.Visibility{Nodes: []v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"a"}}}},
		},
	}
	require.NoError(t, c.Create(t.Context(), written))
	read := &v1alpha1.GuestPolicy{}
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Name: "typed"}, read))
	require.NotNil(t, read.Spec.Workload.Devices)
	require.Nil(t, read.Spec.Workload.IngressClasses)
	require.Equal(t, "TCP", string(read.Spec.Network.Egress[0].Ports[0].Protocol))
	require.Equal(t, []v1alpha1.VisibleOperation{v1alpha1.OperationList}, read.Spec.Visibility.Nodes[0].Operations)

	read.Status = v1alpha1.GuestPolicyStatus{ObservedGeneration: read.Generation, Conditions: []metav1.Condition{{
		Type: v1alpha1.ConditionSuspended, Status: metav1.ConditionTrue, Reason: "StateSuspended", LastTransitionTime: metav1.Now(),
	}}}
	require.NoError(t, c.Status().Update(t.Context(), read))
}

func TestKubectlExplainsTheFields(t *testing.T) {
	server := newServer(t)
	// No controller makes ServiceAccounts here.
	require.NoError(t, server.Client.Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "reader"}}))
	token, err := server.Token(t.Context(), "default", "reader")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, server.Kubeconfig(file, server.Config.Host, token))
	for path, text := range map[string]string{
		"guestpolicies":                     "Its name is the guest's cluster id",
		"gp.spec.state":                     "connections that are open fall silent",
		"guestpolicies.spec.network.egress": "nothing opens every destination by being left out",
		"gp.spec.visibility.nodes":          "A user who may update a Node may remove the taints",
		"gp.spec.visibility.nodes.pattern":  "from the first to the last character",
		"pt.spec.taint.effect":              "the taint is protected with each effect",
	} {
		require.Eventually(t, func() bool {
			out, _ := exec.Command(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), "--kubeconfig", file, "explain", path).CombinedOutput()
			return contains(string(out), text)
		}, waitLong, waitStep, fmt.Sprint("kubectl explain ", path))
	}
}
