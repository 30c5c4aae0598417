package apiproxy

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"

	"data-space.liqo.io/pkg/decisions/window"
)

// oneForm is a form of answers, and what reads one object in it.
type oneForm struct {
	only func([]byte, *plan, sees) ([]byte, error)
	runtime.Serializer
}

func oneForms() map[string]oneForm {
	s := scheme.Scheme
	return map[string]oneForm{
		"json": {onlyJSON, json.NewSerializerWithOptions(json.DefaultMetaFactory, s, s, json.SerializerOptions{})},
		"cbor": {onlyCBOR, cbor.NewSerializer(s, s)}, "protobuf": {onlyProtobuf, protobuf.NewSerializer(s, s)},
	}
}

// nodeList is a list as the API server answers it: its items do not bear their kind.
func nodeList(nodes ...corev1.Node) *corev1.NodeList {
	return &corev1.NodeList{TypeMeta: metav1.TypeMeta{Kind: "NodeList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: "x"}, Items: nodes}
}

func TestOneObjectOfAListInEachForm(t *testing.T) {
	node := corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "u", ResourceVersion: "6", Labels: map[string]string{"a": "c"}, Annotations: map[string]string{"data": "\x01é"}},
		Spec:       corev1.NodeSpec{PodCIDR: "192.0.2.0/24", Taints: []corev1.Taint{{Key: "k", Effect: corev1.TaintEffectNoSchedule}}},
		Status:     corev1.NodeStatus{NodeInfo: corev1.NodeSystemInfo{KernelVersion: "6"}},
	}
	asked := func(name string) *plan {
		return &plan{verdict: window.Verdict{Action: window.Filter}, request: window.Request{Name: name, Kind: schema.GroupResource{Resource: "nodes"}}}
	}
	other := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n2"}}
	for name, form := range oneForms() {
		t.Run(name, func(t *testing.T) {
			encoded := func(list *corev1.NodeList) []byte {
				var out bytes.Buffer
				require.NoError(t, form.Encode(list, &out))
				return out.Bytes()
			}
			got, err := form.only(encoded(nodeList(node)), asked("n1"), seeing(visible(t)))
			require.NoError(t, err)
			object, kind, err := form.Decode(got, nil, nil)
			require.NoError(t, err)
			require.Equal(t, "/v1, Kind=Node", kind.String())
			want := node
			want.Kind, want.APIVersion = "Node", "v1"
			object.GetObjectKind().SetGroupVersionKind(*kind)
			require.Equal(t, &want, object)
			for about, c := range map[string]struct {
				list *corev1.NodeList
				name string
			}{
				"none": {nodeList(), "n1"}, "two": {nodeList(node, other), "n1"}, "another": {nodeList(node), "n2"}, "hidden": {nodeList(other), "n2"}, "without a name": {nodeList(corev1.Node{}), ""},
				"of a namespace": {nodeList(corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Namespace: "x"}}), "n1"},
			} {
				_, err := form.only(encoded(c.list), asked(c.name), seeing(visible(t)))
				require.True(t, apierrors.IsNotFound(err), "%s: %v", about, err)
			}
			whole := encoded(nodeList(node))
			for i := range len(whole) - 1 { // a broken answer is never an object
				if got, err := form.only(whole[:i], asked("n1"), seeing(visible(t))); err == nil {
					require.Equal(t, "protobuf", name, "%d bytes: %s", i, got)
				}
			}
		})
	}
}

func FuzzOneObject(f *testing.F) {
	for name, form := range oneForms() {
		var out bytes.Buffer
		require.NoError(f, form.Encode(nodeList(corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}), &out))
		f.Add(name, out.Bytes())
	}
	forms, v := oneForms(), seeing(visible(f))
	f.Fuzz(func(t *testing.T, name string, raw []byte) {
		form, known := forms[name]
		if !known {
			return
		}
		planned := &plan{verdict: window.Verdict{Action: window.Filter}, request: window.Request{Name: "n1", Kind: schema.GroupResource{Resource: "nodes"}}}
		got, err := form.only(raw, planned, v)
		if err != nil || name == "json" {
			return
		}
		var object metav1.PartialObjectMetadata
		if name == "protobuf" {
			var document runtime.Unknown
			require.NoError(t, document.Unmarshal(bytes.TrimPrefix(got, []byte(window.ProtobufPrefix))))
			require.NoError(t, object.Unmarshal(document.Raw))
			require.Equal(t, "n1", object.Name, "what is answered is what was judged")
		}
	})
}
