//go:build api

package proxy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/kit"
)

// authorizers is an AuthorizationConfiguration as docs/proxy.md has it.
const authorizers = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthorizationConfiguration
authorizers:
- {type: Node, name: node}
- {type: RBAC, name: rbac}
`

const asksProxy = `- type: Webhook
  name: data-space-proxy
  webhook:
    authorizedTTL: 10s
    unauthorizedTTL: 5s
    cacheAuthorizedRequests: false
    cacheUnauthorizedRequests: false
    timeout: 3s
    subjectAccessReviewVersion: v1
    matchConditionSubjectAccessReviewVersion: v1
    failurePolicy: %s
    connectionInfo: {type: KubeConfigFile, kubeConfigFile: %s}
    matchConditions:
    - expression: has(request.resourceAttributes) && request.resourceAttributes.verb in ['get', 'list', 'watch']
    - expression: "!request.user.startsWith('system:')"
`

// directWorld is an API server with a configuration of its authorizers, and a proxy that it may ask.
type directWorld struct {
	*world
	config, folder string
	asked          int // how often the configuration was changed
	stop           func() error
	asker          *rest.Config
}

func newDirectWorld(t *testing.T) *directWorld {
	t.Helper()
	folder := t.TempDir()
	config := filepath.Join(folder, "authorizers")
	require.NoError(t, os.WriteFile(config, []byte(authorizers), 0o600))
	server, err := apiserver.Start(func(c *envtest.ControlPlane) {
		c.GetAPIServer().Configure().Disable("authorization-mode").Set("authorization-config", config)
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	d := &directWorld{world: &world{Server: server, dir: folder, binary: newWorld(t).binary, output: &kit.Output{}}, config: config, folder: folder}
	d.logFailure(t)
	ctx := t.Context()
	require.NoError(t, server.InstallKinds(ctx, root+"/deploy/crds"))
	require.NoError(t, server.Apply(ctx, root+"/deploy/namespace.yaml", root+"/deploy/proxy/rights.yaml", root+"/deploy/proxy/proxy.yaml"))
	require.NoError(t, d.cast(ctx))
	d.asker = &rest.Config{}
	d.asker.CertData, d.asker.KeyData = otherCA(t, "data-space-authorizer")
	return d
}

// run starts the proxy, which knows the API server by a certificate, and returns the address at which it is asked.
func (d *directWorld) run(t *testing.T) {
	t.Helper()
	cluster, err := d.Clients.CoreV1().ConfigMaps("kube-system").Get(t.Context(), "extension-apiserver-authentication", metav1.GetOptions{})
	require.NoError(t, err)
	bundle := filepath.Join(d.folder, "clients")
	require.NoError(t, os.WriteFile(bundle, append([]byte(cluster.Data["client-ca-file"]+"\n"), d.asker.CertData...), 0o600))
	address := kit.FreeAddress(t).String()
	d.stop, err = d.start(t.Context(), "--client-ca-file="+bundle, "--authorizer-bind-address="+address, "--authorizer-callers=data-space-authorizer")
	require.NoError(t, err)
	d.asker.Host, d.asker.CAData = "https://"+address, d.ca
}

// ask has the API server ask the proxy from now on.
func (d *directWorld) ask(t *testing.T, policy string) {
	t.Helper()
	text := authorizers + fmt.Sprintf(asksProxy, policy, kubeconfigOf(t, d.asker))
	next := d.config + ".next"
	require.NoError(t, os.WriteFile(next, []byte(text), 0o600))
	require.NoError(t, os.Rename(next, d.config))
	d.asked++
	eventually(t, func() bool {
		metrics, err := d.Clients.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
		reloaded := regexp.MustCompile(`(?m)^apiserver_authorization_config_controller_automatic_reloads_total{.*status="success"} (\d+)$`).FindSubmatch(metrics)
		return err == nil && reloaded != nil && string(reloaded[1]) == strconv.Itoa(d.asked)
	}, "the API server has read the configuration")
}

const ownSelector = apis.LabelRemoteCluster + "=" + guest + ",!" + apis.LabelTenantNamespace

func ownBy(ctx context.Context, c kubernetes.Interface, selector string) (string, error) {
	list, err := c.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return "", err
	}
	return strings.Join(namesOf(list.Items), " "), nil
}

func TestDirectModeShowsTheSameWithoutTheProxyInThePath(t *testing.T) {
	d := newDirectWorld(t)
	ctx := t.Context()
	user, err := d.User("slice-0123456789ab", guest)
	require.NoError(t, err)
	guests := clients(t, user)
	_, err = ownBy(ctx, guests, ownSelector)
	require.True(t, apierrors.IsForbidden(err), "without the webhook the right selector is refused as well: %v", err)
	d.node(t, "direct-1", map[string]string{"pool": "guests"})
	d.node(t, "direct-2", nil)
	d.create(t, &v1alpha1.GuestPolicy{ObjectMeta: metav1.ObjectMeta{Name: guest}, Spec: v1alpha1.GuestPolicySpec{Visibility: &v1alpha1.Visibility{
		Nodes: []v1alpha1.VisibleObjects{{Selector: &v1alpha1.Selector{MatchLabels: map[string]v1alpha1.LabelValue{"pool": "guests"}}}},
	}}})
	d.run(t)
	d.ask(t, "NoOpinion")
	eventually(t, func() bool {
		names, err := ownBy(ctx, guests, ownSelector)
		return err == nil && names == "pharma-a pharma-b"
	}, "the right selector is allowed")

	for _, selector := range []string{"", apis.LabelRemoteCluster + "=" + guest, apis.LabelRemoteCluster + "=rival,!" + apis.LabelTenantNamespace, apis.LabelRemoteCluster} {
		_, err := ownBy(ctx, guests, selector)
		require.True(t, apierrors.IsForbidden(err), "%q: %v", selector, err)
	}
	nodes, err := guests.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: "pool=guests"})
	require.NoError(t, err)
	require.Len(t, nodes.Items, 1)
	_, err = guests.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err))
	_, err = guests.CoreV1().ConfigMaps("").List(ctx, metav1.ListOptions{LabelSelector: ownSelector})
	require.True(t, apierrors.IsForbidden(err), "a namespaced kind in all namespaces")
	stranger, err := d.User("stranger")
	require.NoError(t, err)
	_, err = ownBy(ctx, clients(t, stranger), ownSelector)
	require.True(t, apierrors.IsForbidden(err), "of no guest")
	d.join(t, guests)
	out, err := kubectlCommand(t, kubeconfigOf(t, user), "get", "namespaces", "-o", "name", "-l", ownSelector).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, []string{"namespace/pharma-a", "namespace/pharma-b"}, strings.Fields(string(out)))
	d.whoMayAsk(t)
	d.away(t, guests)
}

// join watches with the right selector while a namespace joins and leaves.
func (d *directWorld) join(t *testing.T, guests kubernetes.Interface) {
	t.Helper()
	w, err := guests.CoreV1().Namespaces().Watch(t.Context(), metav1.ListOptions{LabelSelector: ownSelector})
	require.NoError(t, err)
	defer w.Stop()
	joined := named("pharma-joined", guest)
	d.create(t, joined)
	joined.Labels = nil
	require.NoError(t, d.Client.Update(t.Context(), joined))
	var events []string
	for e := range w.ResultChan() {
		if n, is := e.Object.(*corev1.Namespace); is && n.Name == "pharma-joined" {
			events = append(events, string(e.Type))
		}
		if e.Type == watch.Deleted || e.Type == watch.Error {
			break
		}
	}
	require.Equal(t, []string{"ADDED", "DELETED"}, events)
}

// whoMayAsk asks the proxy as others than the API server.
func (d *directWorld) whoMayAsk(t *testing.T) {
	t.Helper()
	review := func() *strings.Reader {
		return strings.NewReader(`{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"x","groups":["pharma"],"resourceAttributes":{"verb":"list","resource":"namespaces"}}}`)
	}
	code, _, body := send(t, d.asker, "POST", "/", nil, review())
	require.Equal(t, 200, code)
	require.Contains(t, body, `"allowed":false`)
	require.NotContains(t, body, `"denied":true`)
	user := func(name string, groups ...string) *rest.Config {
		config, err := d.User(name, groups...)
		require.NoError(t, err)
		return config
	}
	const name = "data-space-authorizer" // is also a cluster id that a guest may choose
	for _, c := range []struct {
		from *rest.Config
		want int
	}{{user(name), 200}, {user(name, "liqo.io"), 403}, {user(name, name), 403}, {user("other"), 403}, {user("other", guest), 403}, {&rest.Config{}, 401}} {
		config := rest.CopyConfig(c.from)
		config.Host, config.CAData, config.CAFile = d.asker.Host, d.ca, ""
		code, _, _ := send(t, config, "POST", "/", nil, review())
		require.Equal(t, c.want, code)
	}
	code, _, _ = send(t, d.asker, "POST", "/", nil, strings.NewReader("{}"))
	require.Equal(t, 400, code)
}

// away ends the proxy: guests are refused by either policy, others stay as they are, and the webhook's return is enough.
func (d *directWorld) away(t *testing.T, guests kubernetes.Interface) {
	t.Helper()
	require.NoError(t, d.stop())
	ctx := t.Context()
	for _, policy := range []string{"NoOpinion", "Deny"} {
		d.ask(t, policy)
		_, err := ownBy(ctx, guests, ownSelector)
		require.True(t, apierrors.IsInternalError(err), "refused while the proxy is away, with the API server's own error: %v", err)
		_, err = guests.CoreV1().ConfigMaps("pharma-a").List(ctx, metav1.ListOptions{})
		require.NoError(t, err, "what RBAC allows is never asked")
		_, err = d.Clients.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		require.NoError(t, err)
	}
	d.run(t)
	d.ask(t, "Deny")
	t.Cleanup(func() { require.NoError(t, d.stop()) })
	eventually(t, func() bool { _, err := ownBy(ctx, guests, ownSelector); return err == nil }, "allowed again")
}
