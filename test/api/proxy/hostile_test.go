//go:build api

package proxy

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/test/kit"
)

// otherCA returns a self-signed certificate with a guest's subject, which no CA of the cluster has signed.
func otherCA(t *testing.T, name string, groups ...string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: groups}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	raw, err := x509.MarshalECPrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})
}

// requireNothingHidden fails if an answer has the name of a namespace that the guest does not see.
func requireNothingHidden(t *testing.T, answer string, what string) {
	t.Helper()
	for _, hidden := range []string{`"rival-a"`, `"kube-system"`, `"hospital"`, `"liqo-tenant-pharma"`} {
		require.NotContains(t, answer, hidden, what)
	}
}

func TestNoSelectorWidensWhatIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	naive := w.naive(t)
	leaks := 0
	for _, query := range []string{
		"labelSelector=", "labelSelector=a&labelSelector=b", "labelSelector=liqo.io/remote-cluster-id%3Drival&labelSelector=liqo.io/remote-cluster-id%3Dpharma",
		"labelSelector=liqo.io/remote-cluster-id%3Drival", "labelSelector=liqo.io%2Fremote-cluster-id+in+(rival,pharma)", "labelSelector=%21a",
		"labelSelector=liqo.io/remote-cluster-id%3Drival%00", "labelSelector=a%0A", "labelSelector=a%0D%0AX:1", "labelSelector=,", "labelSelector=a,,b",
		"labelSelector=)", "labelSelector=a%20in%20(b", "%6cabelSelector=liqo.io/remote-cluster-id%3Drival", "LabelSelector=x", "labelSelector%00=x",
		"labelselector=x", "labelSelector[]=x", "fieldSelector=metadata.name%3Drival-a", "fieldSelector=metadata.name%3Drival-a&fieldSelector=metadata.name%3Dpharma-a",
		"fieldSelector=metadata.name!%3Dpharma-a", "a;labelSelector=x", "labelSelector=x;labelSelector=y", "%", "labelSelector=%zz", "watch=true&watch=false&timeoutSeconds=1",
		"watch=1&timeoutSeconds=1", "watch=nonsense&timeoutSeconds=1", "limit=1&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJraG9zcGl0YWxcdTAwMDAifQ",
		"resourceVersion=0", "resourceVersion=1&resourceVersionMatch=Exact", "sendInitialEvents=true&watch=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1",
		"labelSelector=" + strings.Repeat("a", 60000), "labelSelector=" + strings.Repeat("a,", 20000) + "a", "pretty=true&labelSelector=kubernetes.io/metadata.name%3Dhospital",
	} {
		code, _, body := send(t, proxied, "GET", "/api/v1/namespaces?"+query, nil, nil)
		requireNothingHidden(t, body, query)
		require.NotEqual(t, 500, code, body)
		_, _, open := send(t, naive, "GET", "/api/v1/namespaces?"+query, nil, nil)
		if strings.Contains(open, `"rival-a"`) || strings.Contains(open, `"hospital"`) {
			leaks++
		}
	}
	require.Greater(t, leaks, 5, "the same queries show hidden namespaces where the selector is appended")
}

func TestNoPathLeadsAroundTheVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	naive := w.naive(t)
	leaks := 0
	for _, path := range []string{
		"/api/v1/namespaces/", "//api/v1/namespaces", "/api//v1/namespaces", "/api/v1//namespaces", "/api/v1/./namespaces", "/api/v1/pods/../namespaces",
		"/api/v1/namespaces/pharma-a/../rival-a", "/api/v1/namespaces/pharma-a/..", "/api/v1/namespaces%2f", "/api/v1/%6eamespaces", "/api/v1/namespaces%00",
		"/api/v1/namespaces/%2e%2e/namespaces", "/api/v1/namespaces/rival%2Da", "/api/v1/namespaces/pharma-a%2f..%2frival-a", "/api/v1/namespaces/rival-a/",
		"/api/v1/namespaces/rival-a/status", "/api/v1/watch/namespaces?timeoutSeconds=1", "/api/v1/watch/namespaces/rival-a?timeoutSeconds=1", "/API/v1/namespaces", "/api/v1/Namespaces",
		"/api/v1/namespaces\\..\\x", "/api/v1/namespaces/rival-a%252f", "/api/v1/namespaces;x=1", "/api/v1/namespaces/;/rival-a", "/apis//v1/namespaces",
		"/api/v1/proxy/namespaces", "/api/v1/namespaces/%72ival-a", "/api/v1/namespaces/rival-a/finalize", "/api/v1/namespaces%20", "/api/v1/namespaces/.", "/api/v1/namespaces/%C0%AE%C0%AE/x",
	} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE"} {
			_, _, body := send(t, proxied, method, path, nil, nil)
			requireHidden(t, body, path)
		}
		_, _, open := send(t, naive, "GET", path, nil, nil)
		if strings.Contains(open, `"hospital"`) || strings.Contains(open, `"name":"rival-a"`) {
			leaks++
		}
	}
	require.Greater(t, leaks, 3, "some of the same paths show hidden namespaces by a proxy that forwards them")
}

// requireHidden is requireNothingHidden for answers that may repeat the name that was asked for.
func requireHidden(t *testing.T, answer, what string) {
	t.Helper()
	require.NotContains(t, answer, `"name":"rival-a","uid"`, what)
	for _, hidden := range []string{`"kube-system"`, `"hospital"`, `"liqo-tenant-pharma"`, "kubernetes.io/metadata.name"} {
		if hidden == "kubernetes.io/metadata.name" && strings.Contains(answer, `"pharma-a"`) {
			continue
		}
		require.NotContains(t, answer, hidden, what)
	}
}

func TestNoHeaderGivesAnotherIdentity(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	review := `{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}`
	for name, header := range map[string]string{
		"connection lists the identity": "Connection: Impersonate-User, Impersonate-Group\r\n", "front proxy": "X-Remote-User: admin\r\nX-Remote-Group: system:masters\r\n",
		"authorization": "Authorization: Bearer nonsense\r\n", "underscore": "Impersonate_User: admin\r\n", "keep-alive": "Connection: keep-alive, Authorization\r\n",
		"te": "TE: trailers\r\nTrailer: Impersonate-User\r\n",
	} {
		c := w.dial(t, proxied)
		fmt.Fprintf(c, "POST /apis/authentication.k8s.io/v1/selfsubjectreviews HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s", len(review), header, review)
		code, body := answered(t, bufio.NewReader(c))
		require.Equal(t, http.StatusCreated, code, "%s: %s", name, body)
		require.Contains(t, body, `"username":"slice-0123456789ab"`, name)
	}
	for name, raw := range map[string]string{
		"two lengths":        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"length and chunked": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/v1/namespaces/rival-a HTTP/1.1\r\nHost: x\r\n\r\n",
		"folded":             "X-A: b\r\n Impersonate-User: admin\r\n\r\n",
		"bare CR":            "X-A: b\rImpersonate-User: admin\r\n\r\n",
		"space before colon": "Impersonate-User : admin\r\n\r\n",
	} {
		c := w.dial(t, proxied)
		fmt.Fprintf(c, "POST /apis/authentication.k8s.io/v1/selfsubjectreviews HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s", raw)
		answer, _ := io.ReadAll(c)
		require.NotContains(t, string(answer), "admin", name)
		requireHidden(t, string(answer), name)
	}
}

func TestOversizeIsRefusedAndSlowClientsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	c := w.dial(t, proxied)
	go fmt.Fprintf(c, "GET /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nX-Large: %s\r\n\r\n", strings.Repeat("x", 300<<10)) // it may not take all
	code, _ := answered(t, bufio.NewReader(c))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, code)
	c = w.dial(t, proxied)
	fmt.Fprint(c, "GET /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nX-Slow: ") // and no more
	refused := w.dial(t, w.through(&rest.Config{}))
	fmt.Fprint(refused, "POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nslow") // and no more
	_, err := io.ReadAll(c)
	require.NoError(t, err, "the proxy ends a connection whose headers do not come")
	text, err := io.ReadAll(refused)
	require.NoError(t, err, "the proxy ends a connection whose body does not come after the request was refused")
	require.Contains(t, string(text), "401 Unauthorized")
}

// counted is an endless body that counts what is read of it.
type counted struct{ taken atomic.Int64 }

// Read implements io.Reader.
func (c *counted) Read(into []byte) (int, error) {
	n := min(len(into), 4<<10)
	c.taken.Add(int64(n))
	return n, nil
}

func TestABodyThatNothingReadsTakesLittleMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	transport, err := rest.TransportFor(proxied)
	require.NoError(t, err)
	body := &counted{}
	answeredByHTTP2(t, transport, proxied.Host+"/api/v1/namespaces?watch=1", body)
	require.Less(t, kit.Settled(t, &body.taken), int64(256<<10), "the proxy takes no more while the watch is open")
}
