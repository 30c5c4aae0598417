package kubeconfig

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Who may delete and create requests may put one in the place of this program's, with the same text.
func TestARequestThatWasReplacedIsNotApproved(t *testing.T) {
	asked := []byte("request")
	there := certificatesv1.CertificateSigningRequest{
		TypeMeta:   metav1.TypeMeta{APIVersion: "certificates.k8s.io/v1", Kind: "CertificateSigningRequest"},
		ObjectMeta: metav1.ObjectMeta{Name: "csr-a", UID: "made"},
		Spec:       certificatesv1.CertificateSigningRequestSpec{Request: asked, SignerName: certificatesv1.KubeAPIServerClientSignerName},
	}
	approvals := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			approvals++
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(there)
	}))
	defer server.Close()
	clients, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	require.NoError(t, approved(t.Context(), clients, "csr-a", "made", asked))
	require.Equal(t, 1, approvals)

	there.UID, there.Spec.SignerName = "another", "example.com/other"
	require.ErrorContains(t, approved(t.Context(), clients, "csr-a", "made", asked), "was replaced by another")
	there.UID, there.Spec.Request = "made", []byte("other")
	require.ErrorContains(t, approved(t.Context(), clients, "csr-a", "made", asked), "was replaced by another")
	require.Equal(t, 1, approvals)
}
