//go:build api

package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"data-space.liqo.io/pkg/values/apis"
)

const (
	root = "../../.."
	// How long anything may take here, how often it is looked at, and how long "nothing happens" is watched.
	waitLong = 30 * time.Second
	waitStep = 50 * time.Millisecond
	quiet    = 1500 * time.Millisecond
)

// world is an API server with the controller's manifest applied, and the binary to run against it.
type world struct {
	config  *rest.Config
	client  client.Client
	clients kubernetes.Interface
	binary  string
}

// The API server takes seconds to start; the tests share it and keep to namespaces of their own.
var shared = sync.OnceValues(startWorld)

var stopWorld func() error

func TestMain(m *testing.M) {
	m.Run()
	if stopWorld == nil {
		return
	}
	if err := stopWorld(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the API server:", err)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w, err := shared()
	require.NoError(t, err)
	return w
}

func startWorld() (*world, error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		return nil, errors.New("KUBEBUILDER_ASSETS is unset: name the directory that holds kube-apiserver, etcd and kubectl")
	}
	env := &envtest.Environment{BinaryAssetsDirectory: assets, ControlPlaneStartTimeout: time.Minute}
	// There may be no route here by which the API server could find an address of its own.
	env.ControlPlane.GetAPIServer().Configure().Set("advertise-address", "127.0.0.1")
	config, err := env.Start()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "controller-api-test-")
	if err != nil {
		return nil, err
	}
	stopWorld = func() error { return errors.Join(env.Stop(), os.RemoveAll(dir)) }
	config.QPS, config.Burst = 200, 400
	w := &world{config: config, binary: filepath.Join(dir, "controller"), clients: kubernetes.NewForConfigOrDie(config)}
	if w.client, err = client.New(config, client.Options{}); err != nil {
		return nil, err
	}
	if out, err := exec.Command("go", "build", "-o", w.binary, "data-space.liqo.io/cmd/controller").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the controller: %w: %s", err, out)
	}
	return w, errors.Join(w.applyFile("deploy/namespace.yaml"), w.applyFile("deploy/controller.yaml"), w.makeResolver())
}

// applyFile applies a manifest as a user does.
func (w *world) applyFile(path string) error {
	raw, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return err
	}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(raw), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); err != nil {
			if err.Error() == "EOF" {
				return nil
			}
			return fmt.Errorf("%s: %w", path, err)
		}
		apply := client.ApplyConfigurationFromUnstructured(object)
		if err := w.client.Apply(context.Background(), apply, client.FieldOwner("user"), client.ForceOwnership); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}

// makeResolver is the Service of deploy/resolver.yaml, with an address that is known.
func (w *world) makeResolver() error {
	return w.client.Create(context.Background(), resolverService("10.0.0.10"))
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
	account := w.clients.CoreV1().ServiceAccounts(apis.SystemNamespace)
	token, err := account.CreateToken(t.Context(), apis.ControllerName, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: "test",
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "controller"}},
		Clusters:       map[string]*clientcmdapi.Cluster{"test": {Server: w.config.Host, CertificateAuthorityData: w.config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"controller": {Token: token.Status.Token}},
	}, path))
	return path
}

// process is a running controller.
type process struct {
	command *exec.Cmd
	output  *output
}

// start runs the controller until stop, or until the test's end.
func (w *world) start(t *testing.T, args ...string) *process {
	t.Helper()
	args = append([]string{
		"--kubeconfig=" + w.kubeconfig(t), "--metrics-bind-address=0", "--health-bind-address=0",
	}, args...)
	p := &process{command: exec.Command(w.binary, args...), output: &output{}}
	p.command.Stderr = p.output
	require.NoError(t, p.command.Start())
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Log(p.output.String())
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
	require.NoError(t, p.command.Wait(), p.output.String())
}

type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}
