//go:build api

package proxy

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAListOfAllNamespacesIsThatOfTheCallersOwn(t *testing.T) {
	w := newWorld(t)
	for _, namespace := range []string{"pharma-a", "pharma-b", "rival-a", "liqo-tenant-pharma"} {
		w.create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "everywhere", Labels: map[string]string{"of": namespace}}})
	}
	proxied, direct := w.pharma(t)
	_, err := clients(t, direct).CoreV1().ConfigMaps("").List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err))
	found := func(options metav1.ListOptions) []string {
		list, err := clients(t, proxied).CoreV1().ConfigMaps("").List(t.Context(), options)
		require.NoError(t, err)
		require.Empty(t, list.Continue)
		names := []string{}
		for i := range list.Items {
			if list.Items[i].Name == "everywhere" {
				names = append(names, list.Items[i].Namespace)
			}
		}
		return names
	}
	require.Equal(t, []string{"pharma-a", "pharma-b"}, found(metav1.ListOptions{Limit: 1}))
	require.Equal(t, []string{"pharma-b"}, found(metav1.ListOptions{LabelSelector: "of=pharma-b"}))
	require.Empty(t, found(metav1.ListOptions{LabelSelector: "of=rival-a"}))
	code, _, body := send(t, proxied, "GET", "/api/v1/configmaps", http.Header{"Accept": {"application/json;as=Table;v=v1;g=meta.k8s.io"}}, nil)
	require.Equal(t, http.StatusOK, code)
	var table metav1.Table
	require.NoError(t, json.Unmarshal([]byte(body), &table))
	require.GreaterOrEqual(t, len(table.Rows), 2)
	require.NotEmpty(t, table.ColumnDefinitions)
	require.NotContains(t, body, `"namespace":"rival-a"`)
	code, _, _ = send(t, proxied, "GET", "/api/v1/configmaps?continue=x", nil, nil)
	require.Equal(t, http.StatusGone, code)
	for _, path := range []string{"/api/v1/persistentvolumes", "/api/v1/configmaps?watch=1", "/apis/apps/v1/deployments", "/api/v1/persistentvolumeclaims"} {
		code, _, ours := send(t, proxied, "GET", path, nil, nil)
		want, _, theirs := send(t, direct, "GET", path, nil, nil)
		require.Equal(t, want, code, path)
		require.Equal(t, theirs, ours, "nothing to merge: the refusal stands")
	}
}
