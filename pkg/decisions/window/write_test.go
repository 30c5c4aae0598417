package window

import (
	"encoding/binary"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

func writable() Guests {
	v := nodes(&v1alpha1.Selector{MatchLabels: map[string]v1alpha1.LabelValue{"a": "b"}})
	v.Nodes[0].Operations = []v1alpha1.VisibleOperation{v1alpha1.OperationList, v1alpha1.OperationUpdate}
	return NewGuests(nil, []v1alpha1.GuestPolicy{policy("g", v)})
}

func TestWhichChangesAreTheProxysOwn(t *testing.T) {
	g := writable()
	change := func(method, verb string, f func(*Request)) Request {
		r := read(verb, "nodes", "n1", "fieldManager=x&force=true&unknown=y")
		r.Method = method
		f(&r)
		return r
	}
	same := func(*Request) {}
	for _, r := range []Request{change("PUT", "update", same), change("PATCH", "patch", same)} {
		v, err := g.Decide([]string{"g"}, r)
		require.NoError(t, err)
		require.Equal(t, Write, v.Action)
		require.Equal(t, "/api/v1/nodes/n1", v.Path)
		require.Equal(t, "fieldManager=x&force=true", v.Query.Encode())
	}
	for name, r := range map[string]Request{
		"a deletion is not granted": change("DELETE", "delete", same), "a new object": change("POST", "create", same),
		"no name":       change("PATCH", "patch", func(r *Request) { r.Name = "" }),
		"a subresource": change("PATCH", "patch", func(r *Request) { r.Subresource = "status" }),
		"a namespace":   change("PATCH", "patch", func(r *Request) { r.Namespace = "x" }),
		"another kind":  change("PATCH", "patch", func(r *Request) { r.Kind.Resource = "persistentvolumes" }),
		"namespaces":    change("PATCH", "patch", func(r *Request) { r.Kind.Resource = "namespaces" }),
		"a collection":  change("DELETE", "deletecollection", func(r *Request) { r.Name = "" }),
		"another verb":  change("PATCH", "update", same),
		"a verb's path": change("PATCH", "patch", func(r *Request) { r.VerbInPath = true }),
	} {
		v, err := g.Decide([]string{"g"}, r)
		require.NoError(t, err)
		require.Equal(t, Verdict{Action: Pass}, v, name)
	}
	require.Contains(t, g.Rules([]string{"g"}), Rule{change("PUT", "update", same).Kind, []string{"get", "list", "watch", "update", "patch"}})
}

func TestWhatAnUpdateMayMakeOfAnObject(t *testing.T) {
	v, err := writable().Decide([]string{"g"}, Request{Method: "PATCH", Verb: "patch", Resource: true, Kind: read("", "nodes", "", "").Kind, Name: "n1"})
	require.NoError(t, err)
	before := metav1.ObjectMeta{Name: "n1", UID: "u", Labels: map[string]string{"a": "b"}}
	for name, c := range map[string]struct {
		change func(*metav1.ObjectMeta)
		may    bool
	}{
		"nothing": {func(*metav1.ObjectMeta) {}, true}, "a label": {func(o *metav1.ObjectMeta) { o.Labels = map[string]string{"a": "b", "c": "d"} }, true},
		"the selected label": {func(o *metav1.ObjectMeta) { o.Labels = map[string]string{"a": "c"} }, false},
		"the UID":            {func(o *metav1.ObjectMeta) { o.UID = "v" }, false}, "the name": {func(o *metav1.ObjectMeta) { o.Name = "n2" }, false},
		"an owner":    {func(o *metav1.ObjectMeta) { o.OwnerReferences = []metav1.OwnerReference{{Name: "x"}} }, false},
		"a finalizer": {func(o *metav1.ObjectMeta) { o.Finalizers = []string{"x"} }, false},
	} {
		after := *before.DeepCopy()
		c.change(&after)
		require.Equal(t, c.may, v.Visible.MayBecome(before, after), name)
	}
	require.False(t, v.Visible.MayChange(v1alpha1.OperationDelete, before))
	require.False(t, v.Visible.MayChange(v1alpha1.OperationUpdate, metav1.ObjectMeta{Name: "n1", Namespace: "x", Labels: before.Labels}))
}

func TestAChangeHasACondition(t *testing.T) {
	state := metav1.ObjectMeta{Name: "n", UID: "u", ResourceVersion: "7"}
	for _, c := range []struct{ form, body, want string }{
		{"", `{}`, `{"metadata":{"resourceVersion":"7"}}`},
		{"application/json; charset=utf-8", `{"spec":1,"metadata":null}`, `{"metadata":{"resourceVersion":"7"},"spec":1}`},
		{"application/merge-patch+json", `{"metadata":{"resourceVersion":""}}`, `{"metadata":{"resourceVersion":"7"}}`},
		{"application/strategic-merge-patch+json", `{"metadata":{"resourceVersion":"7","$patch":"replace"}}`, `{"metadata":{"$patch":"replace","resourceVersion":"7"}}`},
		{"Application/Apply-Patch+YAML", "metadata:\n  name: node\n", `{"metadata":{"name":"node","resourceVersion":"7","uid":"u"}}`},
		{"application/json-patch+json", " [ \n] ", `[{"op":"test","path":"/metadata/resourceVersion","value":"7"}]`},
		{"application/json-patch+json", `[{"op":"x"}]`, `[{"op":"test","path":"/metadata/resourceVersion","value":"7"},{"op":"x"}]`},
	} {
		got, _, err := Conditional(c.form, []byte(c.body), state)
		require.NoError(t, err, c.form)
		require.JSONEq(t, c.want, string(got), c.form)
	}
	for _, c := range []struct{ form, body string }{
		{"application/json", `{"metadata":{"resourceVersion":"8"}}`}, {"application/json", `{"metadata":{"resourceVersion":7}}`},
		{"application/apply-patch+yaml", "metadata: {uid: v}"},
	} {
		_, _, err := Conditional(c.form, []byte(c.body), state)
		require.ErrorAs(t, err, &StaleError{}, c.body)
	}
	_, _, err := Conditional("application/x", nil, state)
	require.ErrorAs(t, err, &FormError{})

	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{"a": "b"}, ResourceVersion: ""}, Spec: corev1.NodeSpec{ProviderID: "p"}}
	raw, err := node.Marshal()
	require.NoError(t, err)
	envelope := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: "Node"}, Raw: raw}
	text, err := envelope.Marshal()
	require.NoError(t, err)
	out, form, err := Conditional("application/vnd.kubernetes.protobuf", append([]byte(ProtobufPrefix), text...), state)
	require.NoError(t, err)
	require.Equal(t, "application/vnd.kubernetes.protobuf", form)
	require.NoError(t, envelope.Unmarshal(out[len(ProtobufPrefix):]))
	var got corev1.Node
	require.NoError(t, got.Unmarshal(envelope.Raw))
	node.ResourceVersion = "7"
	require.Equal(t, node, got)

	_, err = ConditionalDelete([]byte(`{"preconditions":{"resourceVersion":"6"}}`), nil, state)
	require.ErrorAs(t, err, &StaleError{})
	out, err = ConditionalDelete(nil, url.Values{"propagationPolicy": {"Orphan"}, "dryRun": {"All"}}, state)
	require.NoError(t, err)
	require.JSONEq(t, `{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Orphan","dryRun":["All"],"preconditions":{"uid":"u","resourceVersion":"7"}}`, string(out))
}

// A guest chooses the body. The library makes 80 MB of 160 kB of YAML.
func TestASmallBodyDoesNotBecomeALargeOne(t *testing.T) {
	state := metav1.ObjectMeta{Name: "n", UID: "u", ResourceVersion: "7"}
	many := func(form, head, one string, times int) []byte {
		return []byte(head + strings.Repeat(one, times) + form)
	}
	aliases := many("]", "x: &a "+strings.Repeat("s", 500)+"\ny: [", "*a, ", 5000)
	unguarded, err := yaml.YAMLToJSON(aliases)
	require.NoError(t, err)
	require.Greater(t, len(unguarded), 100*len(aliases), "the library has no such bound")
	owners := many("", "", "\x6a\x00", 500_000) // field 13 of the metadata, empty
	raw := append([]byte("\x0a"), binary.AppendUvarint(nil, uint64(len(owners)))...)
	envelope := runtime.Unknown{Raw: append(raw, owners...)}
	protobuf, err := envelope.Marshal()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		form string
		body []byte
	}{
		"aliases": {"application/apply-patch+yaml", aliases}, "aliases of a PUT": {"", aliases}, "aliases of a merge patch": {"application/merge-patch+json", aliases},
		"aliases of UTF-16": {"", []byte("\xff\xfea\x00:\x00 \x00&\x00a\x00 \x00b\x00\n\x00c\x00:\x00 \x00*\x00a\x00\n\x00")},
		"many items":        {"application/yaml", many("]", "x: [", "a,", 300_000)},
		"protobuf":          {"application/vnd.kubernetes.protobuf", append([]byte(ProtobufPrefix), protobuf...)},
	} {
		_, _, err := Conditional(c.form, c.body, state)
		require.ErrorContains(t, err, "send JSON", name)
		if c.form == "" {
			_, err = ConditionalDelete(c.body, nil, state)
			require.ErrorContains(t, err, "send JSON", name)
		}
	}
	_, err = ConditionalDelete(append([]byte(ProtobufPrefix), protobuf...), nil, state)
	require.ErrorContains(t, err, "send JSON")
	patch := many("1]", "[", "1,", 300_000)
	require.Less(t, testing.AllocsPerRun(1, func() { _, _, err = Conditional("application/json-patch+json", patch, state) }), 100.0, "operations are not decoded")
	require.NoError(t, err)
	large := many("\"}", `{"x":"&*`, "a", 1<<20)
	_, _, err = Conditional("application/apply-patch+yaml", large, state)
	require.NoError(t, err, "JSON, of which nothing is expanded")
	_, _, err = Conditional("application/yaml", []byte("x: a & b\n"), state)
	require.NoError(t, err)
}

// FuzzConditional tries bodies of any form: an accepted body has the condition where the API server reads it.
func FuzzConditional(f *testing.F) {
	for _, seed := range []string{
		`{"metadata":{"resourceVersion":"7"},"metadata":{"resourceVersion":"8"}}`, `{"Metadata":{"resourceVersion":"8"}}`, `[]`, `[{"op":"remove","path":"/metadata"}]`,
		"a: &a {b: 1}\nmetadata: *a", `{"metadata":{"resourceversion":"8"}}`, "k8s\x00\x12\x02\x0a\x00", "{}{}", "metadata: {resourceVersion: 7}\n---\nmetadata: {}",
	} {
		for _, form := range []string{"application/json", "application/json-patch+json", "application/apply-patch+yaml", "application/vnd.kubernetes.protobuf"} {
			f.Add(form, []byte(seed))
		}
	}
	state := metav1.ObjectMeta{Name: "n", UID: "u", ResourceVersion: "7"}
	f.Fuzz(func(t *testing.T, form string, body []byte) {
		out, as, err := Conditional(form, body, state)
		if err != nil {
			return
		}
		var object metav1.PartialObjectMetadata
		switch as {
		case "application/json-patch+json":
			var operations []struct{ Op, Path, Value any }
			require.NoError(t, json.Unmarshal(out, &operations))
			require.Equal(t, struct{ Op, Path, Value any }{"test", "/metadata/resourceVersion", "7"}, operations[0])
			return
		case runtime.ContentTypeProtobuf:
			var envelope runtime.Unknown
			require.NoError(t, envelope.Unmarshal(out[len(ProtobufPrefix):]))
			require.NoError(t, object.Unmarshal(envelope.Raw))
		default:
			var document map[string]json.RawMessage
			var metadata map[string]any
			require.NoError(t, json.Unmarshal(out, &document))
			require.NoError(t, json.Unmarshal(document["metadata"], &metadata))
			require.Equal(t, "7", metadata["resourceVersion"])
			return
		}
		require.Equal(t, "7", object.ResourceVersion)
	})
}
