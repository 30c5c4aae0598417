//go:build api

package proxy

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// The dashboard is a program of client-go as it runs in any pod: its connection is what Kubernetes gives each pod. Only the address that two variables name, and
// the CA, are the sidecar's.
func TestASidecarOfADashboardShowsItTheGuestsView(t *testing.T) {
	w := newWorld(t)
	account := w.account(t, "hospital")
	token, err := w.Token(t.Context(), "hospital", account)
	require.NoError(t, err)
	w.create(t, &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: guest}, Spec: v1alpha1.GuestPolicySpec{Visibility: &v1alpha1.Visibility{
		Subjects: []v1alpha1.Subject{{Kind: "ServiceAccount", Namespace: "hospital", Name: account}},
	}}})
	second, stop := w.another(t)
	t.Cleanup(func() { require.NoError(t, stop()) })
	host, port, err := net.SplitHostPort(second.address)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host, "of the pod alone")
	const folder = "/var/run/secrets/kubernetes.io/serviceaccount"
	require.NoError(t, os.MkdirAll(folder, 0o700))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.WriteFile(filepath.Join(folder, "token"), []byte(token), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "ca.crt"), second.ca, 0o600))
	t.Setenv("KUBERNETES_SERVICE_HOST", host)
	t.Setenv("KUBERNETES_SERVICE_PORT", port)
	dashboard, err := rest.InClusterConfig()
	require.NoError(t, err)
	eventually(t, func() bool {
		list, err := clients(t, dashboard).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
		return err == nil && len(list.Items) > 0
	}, "the proxy knows the subject")
	require.Equal(t, []string{"pharma-a", "pharma-b"}, listed(t, dashboard, metav1.ListOptions{}))
	_, err = clients(t, dashboard).Discovery().ServerPreferredResources()
	require.NoError(t, err)
}
