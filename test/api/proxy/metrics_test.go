//go:build api

package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

const metricsKind = `{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
"metadata": {"name": "nodes.metrics.k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved, in place of a server of metrics"}},
"spec": {"group": "metrics.k8s.io", "scope": "Cluster", "names": {"plural": "nodes", "kind": "NodeMetrics"},
"versions": [{"name": "v1beta1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}`

// A kind stands in for a server of metrics. It appears while the proxy runs.
func TestMetricsOfTheNodesThatAreVisible(t *testing.T) {
	w := newWorld(t)
	w.node(t, "measured-1", map[string]string{"measured": "yes"})
	w.node(t, "measured-2", map[string]string{"measured": "no"})
	w.node(t, "measured-3", nil)
	proxied, _ := w.visible(t, "measuring", v1alpha1.Visibility{Nodes: []v1alpha1.VisibleObjects{selected(map[string]v1alpha1.LabelValue{"measured": "yes"})}})
	kinds, _ := w.visible(t, "measuring-kinds", v1alpha1.Visibility{Resources: []v1alpha1.VisibleResource{
		{Group: "metrics.k8s.io", Resource: "nodes", Objects: []v1alpha1.VisibleObjects{{Names: []v1alpha1.VisibleName{"measured-3"}}}},
	}})
	none, _ := w.visible(t, "measuring-none", v1alpha1.Visibility{})
	kind := &unstructured.Unstructured{}
	require.NoError(t, json.Unmarshal([]byte(metricsKind), kind))
	w.create(t, kind)
	const path = "/apis/metrics.k8s.io/v1beta1/nodes"
	eventually(t, func() bool {
		code, _, _ := send(t, w.Config, "GET", path, nil, nil)
		return code == http.StatusOK
	}, "the kind is served")
	for _, name := range []string{"measured-1", "measured-2", "measured-3"} {
		// What labels metrics bear is not what decides: here all bear the one that is selected.
		body := `{"apiVersion":"metrics.k8s.io/v1beta1","kind":"NodeMetrics","metadata":{"name":"` + name + `","labels":{"measured":"yes"}},"usage":{"cpu":"1"}}`
		eventually(t, func() bool {
			code, _, _ := send(t, w.Config, "POST", path, http.Header{"Content-Type": {"application/json"}}, strings.NewReader(body))
			return code == http.StatusCreated || code == http.StatusConflict
		}, "the kind takes objects")
	}
	code, _, all := send(t, w.Config, "GET", path, nil, nil)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, 3, strings.Count(all, `"usage"`))
	for _, accept := range []string{"application/json", "application/json;as=Table;v=v1;g=meta.k8s.io"} {
		code, _, body := send(t, proxied, "GET", path+"?limit=1&labelSelector=measured", http.Header{"Accept": {accept}}, nil)
		require.Equal(t, http.StatusOK, code, body)
		require.Contains(t, body, `"measured-1"`)
		require.NotContains(t, body, `"measured-2"`)
		require.NotContains(t, body, `"measured-3"`)
	}
	code, _, body := send(t, proxied, "GET", path+"/measured-1", nil, nil)
	require.Equal(t, http.StatusOK, code, body)
	require.Contains(t, body, `"usage"`)
	for _, hidden := range []string{"measured-2", "measured-3", "measured-9"} {
		code, _, body := send(t, proxied, "GET", path+"/"+hidden, nil, nil)
		require.Equal(t, http.StatusNotFound, code, body)
	}
	code, _, body = send(t, kinds, "GET", path, nil, nil)
	require.Equal(t, http.StatusOK, code, "a kind that visibility names appears later: %s", body)
	require.Equal(t, 1, strings.Count(body, `"usage"`))
	require.Contains(t, body, `"measured-3"`)
	code, _, body = send(t, none, "GET", path, nil, nil)
	require.Equal(t, http.StatusForbidden, code, body)
	for name, want := range map[string]bool{"": true, "measured-1": true, "measured-2": false} {
		review, err := clients(t, proxied).AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Group: "metrics.k8s.io", Resource: "nodes", Name: name}},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
		require.Equal(t, want, review.Status.Allowed, name)
	}
}
