package guard_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/values/apis"
)

func wanted() (*corev1.ConfigMap, *networkingv1.NetworkPolicy) {
	ns := guard.Namespace{Name: "pharma-space", Installation: "1"}
	return guard.ConfigMap(ns, "admin: {}", "admin: {}"), guard.NetworkPolicy(ns, "pharma", guard.DNS{Namespace: "d", PodLabels: map[string]string{"a": "b"}})
}

func fields(step guard.Step) []string {
	var names []string
	for _, d := range step.Drifts {
		names = append(names, d.Field)
	}
	return names
}

func TestAConfigMapIsRestoredByTheMildestMeans(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*corev1.ConfigMap)
		verb   guard.Verb
		fields []string
	}{
		"as wanted":     {func(*corev1.ConfigMap) {}, guard.Keep, nil},
		"labelled more": {func(c *corev1.ConfigMap) { c.Labels["team"] = "a"; c.Annotations = map[string]string{"a": "b"} }, guard.Keep, nil},
		"owned by more": {func(c *corev1.ConfigMap) {
			c.OwnerReferences = append(c.OwnerReferences, metav1.OwnerReference{UID: "2"})
		}, guard.Keep, nil},
		"mutable":    {func(c *corev1.ConfigMap) { c.Immutable = new(false) }, guard.Keep, nil},
		"edited":     {func(c *corev1.ConfigMap) { c.Data[apis.EnvoyConfigKey] = "{}" }, guard.Apply, []string{"data.envoy.yaml"}},
		"emptied":    {func(c *corev1.ConfigMap) { c.Data = nil }, guard.Apply, []string{"data.envoy-module.yaml", "data.envoy.yaml"}},
		"unlabelled": {func(c *corev1.ConfigMap) { c.Labels = nil }, guard.Apply, []string{"metadata.labels"}},
		"disowned":   {func(c *corev1.ConfigMap) { c.OwnerReferences = nil }, guard.Apply, []string{"metadata.ownerReferences"}},
		"of an installation before": {
			func(c *corev1.ConfigMap) { c.OwnerReferences[0].UID = "0" }, guard.Apply, []string{"metadata.ownerReferences"},
		},
		"fixed": {func(c *corev1.ConfigMap) { c.Immutable = new(true) }, guard.Replace, []string{"immutable"}},
		"added to": {
			func(c *corev1.ConfigMap) {
				c.Data["z"] = ""
				c.Data["a"] = ""
				c.BinaryData = map[string][]byte{"b": nil}
			},
			guard.Replace, []string{"data.a", "data.z", "binaryData.b"},
		},
		"edited and fixed": {
			func(c *corev1.ConfigMap) { c.Data[apis.EnvoyConfigKey] = "{}"; c.Immutable = new(true) },
			guard.Replace, []string{"data.envoy.yaml", "immutable"},
		},
		"held back from deletion": {
			func(c *corev1.ConfigMap) {
				c.DeletionTimestamp = &metav1.Time{Time: time.Now()}
				c.Data = nil
				c.Immutable = new(true)
			},
			guard.Release, []string{"metadata.finalizers", "data.envoy-module.yaml", "data.envoy.yaml", "immutable"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, _ := wanted()
			have := want.DeepCopy()
			test.change(have)
			step := guard.ConfigMapStep(want, have)
			require.Equal(t, test.verb, step.Verb)
			require.Equal(t, test.fields, fields(step))
		})
	}
}

func TestANetworkPolicyIsRestored(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*networkingv1.NetworkPolicy)
		verb   guard.Verb
		fields []string
	}{
		"as wanted":                    {func(*networkingv1.NetworkPolicy) {}, guard.Keep, nil},
		"as the API server returns it": {func(p *networkingv1.NetworkPolicy) { p.Spec.PodSelector.MatchLabels = map[string]string{} }, guard.Keep, nil},
		"opened": {func(p *networkingv1.NetworkPolicy) {
			p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
		}, guard.Apply, []string{"spec"}},
		"one-sided":  {func(p *networkingv1.NetworkPolicy) { p.Spec.PolicyTypes = p.Spec.PolicyTypes[:1] }, guard.Apply, []string{"spec"}},
		"unlabelled": {func(p *networkingv1.NetworkPolicy) { p.Labels = nil; p.Spec.Egress = nil }, guard.Apply, []string{"metadata.labels", "spec"}},
		"held back":  {func(p *networkingv1.NetworkPolicy) { p.DeletionTimestamp = &metav1.Time{Time: time.Now()} }, guard.Release, []string{"metadata.finalizers"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, want := wanted()
			have := want.DeepCopy()
			test.change(have)
			step := guard.NetworkPolicyStep(want, have)
			require.Equal(t, test.verb, step.Verb)
			require.Equal(t, test.fields, fields(step))
		})
	}
}

func TestOnlyWhatIsOursIsDeleted(t *testing.T) {
	config, policy := wanted()
	theirs := &corev1.ConfigMap{}
	theirPolicy := &networkingv1.NetworkPolicy{}
	disguised := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
		{Manager: "kubectl", Operation: metav1.ManagedFieldsOperationApply},
		{Manager: apis.ControllerName, Operation: metav1.ManagedFieldsOperationApply},
	}}}

	require.Equal(t, guard.Step{Verb: guard.Apply}, guard.ConfigMapStep(config, nil))
	require.Equal(t, guard.Step{Verb: guard.Keep}, guard.ConfigMapStep(nil, nil))
	require.Equal(t, guard.Step{Verb: guard.Delete}, guard.ConfigMapStep(nil, config))
	require.Equal(t, guard.Step{Verb: guard.Keep}, guard.ConfigMapStep(nil, theirs))
	require.Equal(t, guard.Step{Verb: guard.Delete}, guard.ConfigMapStep(nil, disguised))
	require.Equal(t, guard.Step{Verb: guard.Apply}, guard.NetworkPolicyStep(policy, nil))
	require.Equal(t, guard.Step{Verb: guard.Delete}, guard.NetworkPolicyStep(nil, policy))
	require.Equal(t, guard.Step{Verb: guard.Keep}, guard.NetworkPolicyStep(nil, theirPolicy))
}

func TestTheEditorIsNamed(t *testing.T) {
	at := func(second int) *metav1.Time { return &metav1.Time{Time: time.Unix(int64(second), 0)} }
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, when *metav1.Time, raw string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Time: when, FieldsV1: metav1.NewFieldsV1(raw)}
	}
	data, immutable := `{"f:data":{"f:envoy.yaml":{}}}`, `{"f:immutable":{}}`
	ours := entry(apis.ControllerName, metav1.ManagedFieldsOperationApply, at(1), data)
	for name, test := range map[string]struct {
		entries []metav1.ManagedFieldsEntry
		fixed   bool
		want    string
	}{
		"nobody but us": {entries: []metav1.ManagedFieldsEntry{ours}, want: ""},
		"nobody known":  {entries: nil, want: guard.Unknown},
		"an entry that cannot be read": {
			entries: []metav1.ManagedFieldsEntry{{Manager: "x"}, entry("y", "Update", at(2), "["), entry("z", "Update", at(2), `{"f:data":{}}`)},
			want:    guard.Unknown,
		},
		"somebody": {entries: []metav1.ManagedFieldsEntry{entry("kubectl-edit", "Update", at(2), data)}, want: "kubectl-edit"},
		"ourselves by other means": {
			entries: []metav1.ManagedFieldsEntry{entry(apis.ControllerName, "Update", at(2), data)}, want: apis.ControllerName,
		},
		"the later of two": {
			entries: []metav1.ManagedFieldsEntry{entry("early", "Update", at(2), data), entry("late", "Update", at(3), data), entry("timeless", "Update", nil, data)},
			want:    "late",
		},
		"the later of two fields": {
			entries: []metav1.ManagedFieldsEntry{entry("early", "Update", at(2), data), entry("late", "Update", at(3), immutable)},
			fixed:   true, want: "late",
		},
		"somebody rather than nobody": {
			entries: []metav1.ManagedFieldsEntry{entry("fixer", "Update", nil, immutable)}, fixed: true, want: "fixer",
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, _ := wanted()
			have := want.DeepCopy()
			have.Data[apis.EnvoyConfigKey] = "{}"
			if test.fixed {
				have.Immutable = new(true)
			}
			have.ManagedFields = test.entries
			require.Equal(t, test.want, guard.Editor(have, guard.ConfigMapStep(want, have).Drifts))
		})
	}
}
