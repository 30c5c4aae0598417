//go:build api || bench

package webhook

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/kit"
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
	*apiserver.Server
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
	// Unlike envtest's default, a real cluster mounts tokens of ServiceAccounts into containers.
	server, err := apiserver.Start(func(c *envtest.ControlPlane) { c.GetAPIServer().Configure().Disable("disable-admission-plugins") })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })

	w := &world{Server: server, clients: server.Clients, warnings: &warnings{}, port: int(kit.FreeAddress(t).Port()), certDir: t.TempDir()}
	w.health = kit.FreeAddress(t).String()
	config := rest.CopyConfig(server.Config)
	config.WarningHandlerWithContext = w.warnings
	w.client, err = client.New(config, client.Options{})
	require.NoError(t, err)
	w.binary = filepath.Join(t.TempDir(), "webhook")
	require.NoError(t, apiserver.Build(t.Context(), "webhook", w.binary))
	w.install(t)
	w.kubeconfig = w.writeKubeconfig(t, "kubeconfig", w.token(t))
	w.start(t)
	t.Cleanup(func() { w.process.stop() })
	return w
}

// install creates what the manifests hold. The webhook's address alone differs: there is no Service network here.
func (w *world) install(t *testing.T) {
	t.Helper()
	require.NoError(t, w.InstallKinds(t.Context(), filepath.Join(root, "deploy/crds")))
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
	raw, err := os.ReadFile(filepath.Join(root, "deploy", file))
	require.NoError(t, err)
	return decode(t, raw)
}

// decode reads the documents of a manifest.
func decode(t *testing.T, manifest []byte) []*unstructured.Unstructured {
	t.Helper()
	objects, err := apiserver.Objects(manifest)
	require.NoError(t, err)
	return objects
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
	token, err := w.Token(t.Context(), apis.SystemNamespace, name)
	require.NoError(t, err)
	return token
}

func (w *world) writeKubeconfig(t *testing.T, file, token string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), file)
	require.NoError(t, w.Kubeconfig(path, w.Config.Host, token))
	return path
}

func (w *world) command(extra ...string) *exec.Cmd {
	args := []string{
		"--kubeconfig=" + w.kubeconfig, "--envoy-image=" + envoyImage, fmt.Sprintf("--port=%d", w.port), "--dns-names=localhost",
		"--metrics-bind-address=0", "--health-bind-address=" + w.health, "--cert-dir=" + w.certDir, "--log-level=debug", "--drain-time=0s",
	}
	return exec.Command(w.binary, append(args, extra...)...)
}

// start runs the webhook and waits until it is ready.
func (w *world) start(t *testing.T, extra ...string) {
	t.Helper()
	w.process = launch(t, w.command(extra...))
	require.Eventually(t, func() bool { return w.ready() == http.StatusOK }, waitLong, waitStep, "the webhook is not ready:\n%s", w.process)
}

// ready returns the status of the readiness endpoint, 0 without an answer.
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

// create creates an object, which must be let in.
func (w *world) create(t *testing.T, object client.Object) {
	t.Helper()
	require.NoError(t, w.client.Create(t.Context(), object))
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
