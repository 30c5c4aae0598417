package apiproxy

import (
	"bufio"
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime/schema"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// visible shows node n1, and nodes with the label a.
func visible(tb testing.TB) window.Visible {
	tb.Helper()
	policy := v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: "g"}, Spec: v1alpha1.GuestPolicySpec{Visibility: &v1alpha1.Visibility{
		Nodes: []v1alpha1.VisibleObjects{
			{Names: []v1alpha1.VisibleName{"n1"}}, {Selector: &v1alpha1.Selector{MatchLabels: map[string]v1alpha1.LabelValue{"a": "b"}}},
		},
	}}}
	v, err := window.NewGuests(nil, []v1alpha1.GuestPolicy{policy}).Decide([]string{"g"}, window.Request{
		Method: "GET", Resource: true, Verb: "list", Kind: schema.GroupResource{Resource: "nodes"}, Version: "v1",
	})
	require.NoError(tb, err)
	return v.Visible
}

func filtered(tb testing.TB, document string) (string, error) {
	tb.Helper()
	var out bytes.Buffer
	w := bufio.NewWriter(&out)
	err := filterList(seeing(visible(tb)), strings.NewReader(document), w)
	require.NoError(tb, w.Flush())
	return out.String(), err
}

func TestAListKeepsWhatIsShown(t *testing.T) {
	for document, want := range map[string]string{
		`{"kind":"NodeList","metadata":{"resourceVersion":"7","continue":"x","remainingItemCount":9},"items":[{"metadata":{"name":"n1"}},{"metadata":{"name":"n2"}},{"metadata":{"name":"n3","labels":{"a":"b"}}}]}`: `{"kind":"NodeList","metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"n1"}},{"metadata":{"name":"n3","labels":{"a":"b"}}}]}`,
		`{"items":null}`: `{"items":[]}`, `{"items":[]}`: `{"items":[]}`, `{}`: `{}`,
		`{"items":[{"METADATA":{"name":"n1"}},{"metadata":{"name":"n1","namespace":"x"}},{"metadata":{"name":"n2"},"Metadata":{"name":"n1"}},7,null,"n1"]}`: `{"items":[]}`,
		`{"kind":"Table","rows":[{"cells":["n1"],"object":{"metadata":{"name":"n1"}}},{"cells":["n2"],"object":null},{"cells":["n2"]}]}`:                    `{"kind":"Table","rows":[{"cells":["n1"],"object":{"metadata":{"name":"n1"}}}]}`,
	} {
		have, err := filtered(t, document)
		require.NoError(t, err)
		require.JSONEq(t, want, have)
	}
	for _, broken := range []string{"", "[]", `{"items":[{"metadata":{"name":"n1"}}`, `{"items":7}`, "null"} {
		_, err := filtered(t, broken)
		require.Error(t, err, "a broken answer does not end as a whole one: %s", broken)
	}
}

func TestEventsOfObjectsThatBecomeHidden(t *testing.T) {
	stream := strings.Join([]string{
		`{"type":"ADDED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1"}}}`,
		`{"type":"ADDED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"n2"}}}`,
		`{"type":"MODIFIED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"n2","labels":{"a":"b"}}}}`,
		`{"type":"BOOKMARK","object":{"kind":"Node","metadata":{"resourceVersion":"5"}}}`,
		`{"type":"MODIFIED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"n2","uid":"u2","resourceVersion":"6","labels":{"secret":"x"}},"spec":{"secret":"y"}}}`,
		`{"type":"MODIFIED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"n2"}}}`,
		`{"type":"DELETED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"n2"}}}`,
		`{"type":"DELETED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1"}}}`,
	}, "\n")
	var out bytes.Buffer
	f := &eventFilter{sees: seeing(visible(t)), out: bufio.NewWriter(&out), shown: map[string]bool{}}
	require.NoError(t, f.run(context.Background(), strings.NewReader(stream)))
	require.Equal(t, strings.Join([]string{
		`{"type":"ADDED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1"}}}`,
		`{"type":"ADDED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"n2","labels":{"a":"b"}}}}`,
		`{"type":"BOOKMARK","object":{"kind":"Node","metadata":{"resourceVersion":"5"}}}`,
		`{"type":"DELETED","object":{"apiVersion":"v1","kind":"Node","metadata":{"name":"n2","resourceVersion":"6","uid":"u2"}}}`,
		`{"type":"DELETED","object":{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1"}}}`,
	}, "\n")+"\n", out.String())
}

// FuzzFilter tries documents of any form: a hidden object's name is in no answer.
func FuzzFilter(f *testing.F) {
	f.Add(`{"items":[{"metadata":{"name":"n1"}},{"metadata":{"name":"hidden"}}]}`)
	f.Add(`{"rows":[{"object":{"metadata":{"name":"hidden"}}}],"items":[]}`)
	f.Add(`{"items":[{"metadata":{"name":"hidden","labels":{"a":"b"}}}]}`)
	f.Fuzz(func(t *testing.T, items string) {
		if strings.Contains(items, "a") && strings.Contains(items, "b") || strings.Contains(items, `\`) {
			return // it may be shown by its label
		}
		have, err := filtered(t, `{"items":[{"metadata":{"name":"hidden"}},`+items+`]}`)
		if err == nil {
			require.NotContains(t, have, `{"metadata":{"name":"hidden"}}`)
		}
	})
}
