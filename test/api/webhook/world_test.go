//go:build api

package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
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
	name       = "data-space-webhook"
	secretName = "data-space-webhook-cert"
	envoyImage = "docker.io/data-spacer/envoy:dev"
	root       = "../../.."

	// How long anything may take here, and how often it is looked at.
	waitLong = time.Minute
	waitStep = 100 * time.Millisecond
)

// world is an API server with Data Spacer's webhook installed from its manifest, and the webhook's process.
type world struct {
	config     *rest.Config
	client     client.Client
	clients    kubernetes.Interface
	binary     string
	kubeconfig string
	port       int
	health     string
	certDir    string
	process    *process
	warnings   *warnings
}

// newWorld starts everything; the test's end stops it.
func newWorld(t *testing.T) *world {
	t.Helper()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	require.NotEmpty(t, assets, "KUBEBUILDER_ASSETS is unset: name the directory that holds kube-apiserver, etcd and kubectl")
	env := &envtest.Environment{BinaryAssetsDirectory: assets, ControlPlaneStartTimeout: time.Minute}
	// Unlike envtest's default, a real cluster mounts tokens of ServiceAccounts into containers. The address is told, since
	// there is no route here to find it by.
	env.ControlPlane.GetAPIServer().Configure().Disable("disable-admission-plugins").Set("advertise-address", "127.0.0.1")
	config, err := env.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, env.Stop()) })

	w := &world{config: config, warnings: &warnings{}, port: freePort(t), certDir: t.TempDir()}
	w.health = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	config.WarningHandlerWithContext = w.warnings
	w.client, err = client.New(config, client.Options{})
	require.NoError(t, err)
	w.clients = kubernetes.NewForConfigOrDie(config)
	w.binary = filepath.Join(t.TempDir(), "webhook")
	out, err := exec.Command("go", "build", "-o", w.binary, root+"/cmd/webhook").CombinedOutput()
	require.NoError(t, err, string(out))
	w.install(t)
	w.kubeconfig = w.writeKubeconfig(t, "kubeconfig", w.token(t))
	w.start(t)
	t.Cleanup(func() { w.process.stop() })
	return w
}

// install creates what the manifests hold. The webhook's address alone differs: there is no Service network here.
func (w *world) install(t *testing.T) {
	t.Helper()
	for _, file := range []string{"namespace.yaml", "webhook.yaml", "admission-policy.yaml"} {
		for _, object := range manifest(t, file) {
			if strings.HasSuffix(object.GetKind(), "WebhookConfiguration") {
				pointTo(t, object, w.port)
			}
			require.NoError(t, w.client.Create(t.Context(), object), "%s %s", object.GetKind(), object.GetName())
		}
	}
}

func manifest(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	reader, err := os.Open(filepath.Join(root, "deploy", file))
	require.NoError(t, err)
	defer reader.Close()
	return decode(t, reader)
}

// decode reads the documents of a manifest.
func decode(t *testing.T, reader io.Reader) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(reader, 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		require.NoError(t, err)
		if object.Object != nil { // A comment alone between two separators.
			objects = append(objects, object)
		}
	}
}

// pointTo makes the API server call this port of this machine for every webhook in the configuration.
func pointTo(t *testing.T, object *unstructured.Unstructured, port int) {
	t.Helper()
	hooks, found, err := unstructured.NestedSlice(object.Object, "webhooks")
	require.NoError(t, err)
	require.True(t, found)
	for i := range hooks {
		service, _, err := unstructured.NestedString(hooks[i].(map[string]any), "clientConfig", "service", "path")
		require.NoError(t, err)
		hooks[i].(map[string]any)["clientConfig"] = map[string]any{"url": fmt.Sprintf("https://localhost:%d%s", port, service)}
	}
	require.NoError(t, unstructured.SetNestedSlice(object.Object, hooks, "webhooks"))
}

// token returns a credential of the ServiceAccount in the manifest: the process has its rights and no others.
func (w *world) token(t *testing.T) string {
	t.Helper()
	request, err := w.clients.CoreV1().ServiceAccounts(apis.SystemNamespace).
		CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return request.Status.Token
}

func (w *world) writeKubeconfig(t *testing.T, file, token string) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: w.config.Host, CertificateAuthorityData: w.config.CAData}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	path := filepath.Join(t.TempDir(), file)
	require.NoError(t, clientcmd.WriteToFile(*config, path))
	return path
}

func (w *world) command(extra ...string) *exec.Cmd {
	args := []string{
		"--kubeconfig=" + w.kubeconfig, "--envoy-image=" + envoyImage, fmt.Sprintf("--port=%d", w.port), "--dns-names=localhost",
		"--metrics-bind-address=0", "--health-bind-address=" + w.health, "--cert-dir=" + w.certDir, "--log-level=debug",
	}
	return exec.Command(w.binary, append(args, extra...)...)
}

// start runs the webhook and waits until it is ready.
func (w *world) start(t *testing.T, extra ...string) {
	t.Helper()
	w.process = launch(t, w.command(extra...))
	require.Eventually(t, func() bool { return w.ready() == http.StatusOK }, waitLong, waitStep, "the webhook is not ready:\n%s", w.process)
}

// ready returns the status of the readiness endpoint, 0 when nobody answers.
func (w *world) ready() int {
	response, err := http.Get("http://" + w.health + "/readyz")
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// namespace creates a namespace with these labels, and the ServiceAccount that a controller would make in it.
func (w *world) namespace(t *testing.T, labels map[string]string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: labels}}
	require.NoError(t, w.client.Create(t.Context(), ns))
	w.serviceAccount(t, ns.Name)
	return ns.Name
}

func (w *world) serviceAccount(t *testing.T, namespace string) {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}}
	require.NoError(t, client.IgnoreAlreadyExists(w.client.Create(t.Context(), account)))
}

// foreign creates a namespace as Liqo would, with more labels where given.
func (w *world) foreign(t *testing.T, more ...string) string {
	t.Helper()
	labels := map[string]string{apis.LabelRemoteCluster: "pharma"}
	for i := 0; i < len(more); i += 2 {
		labels[more[i]] = more[i+1]
	}
	return w.namespace(t, labels)
}

// deleteLater deletes an object of the whole cluster at the end of the story.
func (w *world) deleteLater(t *testing.T, object client.Object) {
	t.Helper()
	//nolint:usetesting // The test's own context has ended by then.
	t.Cleanup(func() { require.NoError(t, w.client.Delete(context.Background(), object)) })
}

// configuration returns the webhook's configuration as the API server holds it.
func (w *world) configuration(t *testing.T) *admissionregistrationv1.MutatingWebhookConfiguration {
	t.Helper()
	found := &admissionregistrationv1.MutatingWebhookConfiguration{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: name}, found))
	return found
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}
