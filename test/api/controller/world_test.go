//go:build api

package controller

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/kit"
)

const (
	root = "../../.."
	// How long anything may take here, how often it is looked at, and how long "nothing happens" is watched.
	waitLong = 60 * time.Second
	waitStep = 50 * time.Millisecond
	quiet    = 1500 * time.Millisecond
)

// world is an API server with the controller's manifest applied, and the binary to run against it.
type world struct {
	*apiserver.Server
	client  client.Client
	clients kubernetes.Interface
	binary  string
}

// The API server takes seconds to start; the tests share it and keep to namespaces of their own.
var shared = sync.OnceValues(startWorld)

var stopWorld func() error

func TestMain(m *testing.M) { apiserver.RunTests(m, &stopWorld) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w, err := shared()
	require.NoError(t, err)
	return w
}

func startWorld() (*world, error) {
	server, err := apiserver.Start()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "controller-api-test-")
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	stopWorld = func() error { return errors.Join(server.Stop(), os.RemoveAll(dir)) }
	w := &world{Server: server, client: server.Client, clients: server.Clients, binary: filepath.Join(dir, "controller")}
	ctx := context.Background()
	return w, errors.Join(
		apiserver.Build(ctx, "controller", w.binary),
		server.InstallKinds(ctx, root+"/deploy/crds"),
		server.Apply(ctx, root+"/deploy/namespace.yaml", root+"/deploy/controller.yaml"),
		w.makeResolver(),
		w.makeAPIServerSlice(),
	)
}

// makeResolver is the Service of deploy/resolver.yaml, with an address that is known.
func (w *world) makeResolver() error {
	return w.client.Create(context.Background(), resolverService("10.0.0.10"))
}

// makeAPIServerSlice is what an API server writes that has an address: this one listens on loopback.
func (w *world) makeAPIServerSlice() error {
	return w.client.Create(context.Background(), &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: corev1.NamespaceDefault, Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.36.0.9"}}},
	})
}

func resolverService(ip string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: apis.SystemNamespace, Name: apis.ResolverName},
		Spec: corev1.ServiceSpec{
			ClusterIP: ip, Ports: []corev1.ServicePort{{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}},
		},
	}
}

// kubeconfig holds a token of the controller's own ServiceAccount: it has the manifest's rights and no other.
func (w *world) kubeconfig(t *testing.T) string {
	t.Helper()
	token, err := w.Token(t.Context(), apis.SystemNamespace, apis.ControllerName)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, w.Kubeconfig(path, w.Config.Host, token))
	return path
}

// process is a running controller.
type process struct {
	command *exec.Cmd
	output  *kit.Output
}

// start runs the controller until stop, or until the test's end.
func (w *world) start(t *testing.T, args ...string) *process {
	t.Helper()
	args = append([]string{
		"--kubeconfig=" + w.kubeconfig(t), "--metrics-bind-address=0", "--health-bind-address=0",
	}, args...)
	p := &process{command: exec.Command(w.binary, args...), output: &kit.Output{}}
	p.command.Stderr = p.output
	require.NoError(t, p.command.Start())
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Log(p.output.End())
		}
		require.NotContains(t, p.output.String(), "forbidden", "the manifest lacks a right")
	})
	return p
}

// stop ends it as the kubelet does, and expects that it ends well.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if p.command.ProcessState != nil {
		return
	}
	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.command.Wait(), p.output.End())
}
