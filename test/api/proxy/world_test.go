//go:build api

package proxy

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/kit"
)

const (
	root  = "../../.."
	guest = "pharma"
	// How long anything may take here, and how often it is looked at.
	waitLong = 60 * time.Second
	waitStep = 20 * time.Millisecond
)

// world is an API server with the proxy's manifest applied, and a proxy that runs with the rights of it.
type world struct {
	*apiserver.Server
	address string // of the proxy
	health  string
	metrics string
	ca      []byte
	dir     string
	folder  string // of the proxy's files
	binary  string
	output  *kit.Output
	facts   *kit.Output // what the proxy writes to standard output, from where its node's agent takes it
}

// The API server takes seconds to start; the tests share it, and the proxy.
var shared = sync.OnceValues(startWorld)

var stopWorld func() error

func TestMain(m *testing.M) { apiserver.RunTests(m, &stopWorld) }

// another runs a second proxy with these arguments, until the returned function is called.
func (w *world) another(t *testing.T, args ...string) (second *world, stop func() error) {
	t.Helper()
	own := *w
	own.output = &kit.Output{}
	own.logFailure(t)
	stop, err := own.start(t.Context(), args...)
	require.NoError(t, err)
	return &own, stop
}

// logFailure logs what the proxy has written if the test fails.
func (w *world) logFailure(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.output.End())
		}
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w, err := shared()
	require.NoError(t, err)
	w.logFailure(t)
	return w
}

func startWorld() (*world, error) {
	server, err := apiserver.Start()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "proxy-api-test-")
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	w := &world{Server: server, dir: dir, binary: filepath.Join(dir, "proxy"), output: &kit.Output{}}
	stop := func() error { return nil }
	stopWorld = func() error { return errors.Join(stop(), server.Stop(), os.RemoveAll(dir)) }
	ctx := context.Background()
	if err := errors.Join(
		apiserver.Build(ctx, "proxy", w.binary),
		server.InstallKinds(ctx, root+"/deploy/crds"),
		server.Apply(ctx, root+"/deploy/namespace.yaml", root+"/deploy/proxy/rights.yaml", root+"/deploy/proxy/proxy.yaml"),
		w.cast(ctx),
	); err != nil {
		return w, err
	}
	stop, err = w.start(ctx)
	return w, err
}

// cast makes the guest's namespaces, the rights that Liqo grants in them, and what belongs to others.
func (w *world) cast(ctx context.Context) error {
	namespaces := []*corev1.Namespace{
		named("pharma-a", guest), named("pharma-b", guest), named("rival-a", "rival"), named("hospital", ""), named("liqo-tenant-pharma", guest),
	}
	namespaces[4].Labels[apis.LabelTenantNamespace] = "true"
	var problems []error
	for _, namespace := range namespaces {
		problems = append(problems, w.Client.Create(ctx, namespace))
	}
	return errors.Join(append(problems, w.Client.Create(ctx, &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "liqo-virtual-kubelet-remote"},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"configmaps", "secrets", "services"}, Verbs: []string{"*"}},
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list", "watch"}},
			{APIGroups: []string{""}, Resources: []string{"pods/exec", "pods/attach", "pods/portforward"}, Verbs: []string{"create", "get"}},
			{APIGroups: []string{""}, Resources: []string{"pods/log"}, Verbs: []string{"get"}},
		},
	}), w.bind(ctx, "pharma-a", guest), w.bind(ctx, "pharma-b", guest))...)
}

// bind gives a guest's group the rights that Liqo grants in its namespaces.
func (w *world) bind(ctx context.Context, namespace, guest string) error {
	return w.Client.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "liqo"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "liqo-virtual-kubelet-remote"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: guest}},
	})
}

func named(name, guest string) *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	if guest != "" {
		n.Labels[apis.LabelRemoteCluster] = guest
	}
	return n
}

// start runs a proxy until the returned function is called, and waits until it is ready. The world's requests go to it from then on.
func (w *world) start(ctx context.Context, args ...string) (func() error, error) {
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return nil, err
	}
	token, err := w.Token(ctx, apis.SystemNamespace, "data-space-proxy")
	if err != nil {
		return nil, err
	}
	if w.folder, err = os.MkdirTemp(w.dir, "run-"); err != nil {
		return nil, err
	}
	for _, at := range []*string{&w.address, &w.health, &w.metrics} {
		free, err := kit.TryFreeAddress()
		if err != nil {
			return nil, err
		}
		*at = free.String()
	}
	w.ca = append(w.ca, certificate...)
	file := func(name string) string { return filepath.Join(w.folder, name) }
	if err := errors.Join(os.WriteFile(file("crt"), certificate, 0o600), os.WriteFile(file("key"), key, 0o600),
		w.Kubeconfig(file("kubeconfig"), w.Config.Host, token)); err != nil {
		return nil, err
	}
	args = append([]string{"--kubeconfig=" + file("kubeconfig"), "--tls-cert-file=" + file("crt"), "--tls-private-key-file=" + file("key"),
		"--bind-address=" + w.address, "--health-bind-address=" + w.health, "--metrics-bind-address=" + w.metrics, "--drain-time=0s"}, args...)
	command := exec.Command(w.binary, args...)
	w.facts = &kit.Output{}
	command.Stdout, command.Stderr = w.facts, w.output
	if err := command.Start(); err != nil {
		return nil, err
	}
	stop := sync.OnceValue(func() error {
		return errors.Join(command.Process.Signal(syscall.SIGTERM), command.Wait())
	})
	for deadline := time.Now().Add(waitLong); ; time.Sleep(waitStep) {
		response, err := http.Get("http://" + w.health + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return stop, nil
			}
		}
		if time.Now().After(deadline) {
			return stop, fmt.Errorf("the proxy is not ready: %w: %s", err, w.output.End())
		}
	}
}

// renew replaces the proxy's certificate, as a Secret's volume does.
func (w *world) renew() error {
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	return errors.Join(err, os.WriteFile(filepath.Join(w.folder, "key"), key, 0o600), os.WriteFile(filepath.Join(w.folder, "crt"), certificate, 0o600))
}

// through returns a connection by the proxy.
func (w *world) through(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Host = "https://" + w.address
	config.CAData, config.CAFile = w.ca, ""
	return config
}

// user returns the connections of a user, by the proxy and to the API server itself.
func (w *world) user(t *testing.T, name string, groups ...string) (proxied, direct *rest.Config) {
	t.Helper()
	direct, err := w.User(name, groups...)
	require.NoError(t, err)
	return w.through(direct), direct
}

// pharma returns the guest's.
func (w *world) pharma(t *testing.T) (proxied, direct *rest.Config) {
	t.Helper()
	return w.user(t, "slice-0123456789ab", guest)
}

func clients(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	c, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	return c
}

// create makes an object until the test's end.
func (w *world) create(t *testing.T, object client.Object) {
	t.Helper()
	require.NoError(t, w.Client.Create(t.Context(), object))
	t.Cleanup(func() {
		if err := w.Client.Delete(context.Background(), object); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
}

// eventually waits until what it is given holds: the proxy learns of changes by watches.
func eventually(t *testing.T, holds func() bool, what string) {
	t.Helper()
	require.Eventually(t, holds, waitLong, waitStep, what)
}

// send sends a request of this form, with the path as it is written.
func send(t *testing.T, config *rest.Config, method, path string, header http.Header, body io.Reader) (int, http.Header, string) {
	t.Helper()
	transport, err := rest.TransportFor(config)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), method, config.Host, body)
	require.NoError(t, err)
	target, query, _ := strings.Cut(path, "?")
	request.URL.Opaque = "//" + request.URL.Host + target
	request.URL.RawQuery = query
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, string(text)
}

// naive is the proxy that one would write first: it authenticates, appends the selector to the query, and sends requests with rights of its
// own. It shows that an attack is one.
func (w *world) naive(t *testing.T) *rest.Config {
	t.Helper()
	base, err := url.Parse(w.Config.Host)
	require.NoError(t, err)
	transport, err := rest.TransportFor(w.Config)
	require.NoError(t, err)
	forward := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(base)
		if r.In.URL.Path == "/api/v1/namespaces" {
			r.Out.URL.RawQuery += "&labelSelector=" + url.QueryEscape(apis.LabelRemoteCluster+"="+guest)
		}
	}}
	server := &http.Server{Handler: forward}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return &rest.Config{Host: "http://" + listener.Addr().String()}
}

// answered reads an answer; that of an upgrade has no body, and the stream follows.
func answered(t *testing.T, in *bufio.Reader) (code int, body string) {
	t.Helper()
	response, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		return response.StatusCode, ""
	}
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

// dial opens a bare TLS connection to the proxy, with the caller's certificate.
func (w *world) dial(t *testing.T, config *rest.Config) *tls.Conn {
	t.Helper()
	var certificates []tls.Certificate
	if len(config.CertData) > 0 {
		own, err := tls.X509KeyPair(config.CertData, config.KeyData)
		require.NoError(t, err)
		certificates = append(certificates, own)
	}
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(w.ca))
	c, err := tls.Dial("tcp", w.address, &tls.Config{RootCAs: roots, Certificates: certificates, NextProtos: []string{"http/1.1"}})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(waitLong)))
	return c
}
