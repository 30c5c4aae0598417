//go:build api

package proxy

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

func TestOnlyAConfiguredProxyForwardsCertificates(t *testing.T) {
	w := newWorld(t)
	certificate, key := otherCA(t, "ingress")
	ca := filepath.Join(t.TempDir(), "ca")
	require.NoError(t, os.WriteFile(ca, certificate, 0o600))
	second, stop := w.another(t, "--forwarding-ca-file="+ca, "--forwarding-names=ingress")
	t.Cleanup(func() { require.NoError(t, stop()) })
	guests, _ := second.pharma(t)
	ingress := second.through(&rest.Config{})
	ingress.CertData, ingress.KeyData = certificate, key
	unnamed := rest.CopyConfig(ingress)
	unnamed.CertData, unnamed.KeyData = otherCA(t, "ingress")
	other, _ := second.user(t, "other", "rival")
	forged, _ := otherCA(t, "slice-0123456789ab", guest)
	good, bad := url.QueryEscape(string(guests.CertData)), url.QueryEscape(string(forged))
	for name, c := range map[string]struct {
		from   *rest.Config
		header []string
		want   int
		shown  string
	}{
		"the ingress forwards the guest's":           {ingress, []string{good}, 200, `"pharma-a"`},
		"the ingress forwards another CA's":          {ingress, []string{bad}, 401, `"Unauthorized"`},
		"the ingress forwards two":                   {ingress, []string{good, good}, 401, `"Unauthorized"`},
		"the ingress forwards nonsense":              {ingress, []string{"x"}, 401, `"Unauthorized"`},
		"the ingress forwards nothing":               {ingress, nil, 401, `"Unauthorized"`},
		"who calls itself ingress by another CA":     {unnamed, []string{good}, 401, `"Unauthorized"`},
		"a caller without a certificate":             {second.through(&rest.Config{}), []string{good}, 401, `"Unauthorized"`},
		"another guest with the header stays itself": {other, []string{good}, 200, `"rival-a"`},
	} {
		code, _, body := send(t, c.from, "GET", "/api/v1/namespaces", http.Header{"Ssl-Client-Cert": c.header}, nil)
		require.Equal(t, c.want, code, "%s: %s", name, body)
		require.Contains(t, body, c.shown, name)
	}
}
