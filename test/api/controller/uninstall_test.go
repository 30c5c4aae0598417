//go:build api

package controller

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/apiserver"
	"data-space.liqo.io/test/kit"
)

// cleaning is how long Kubernetes may take to collect what an uninstall leaves behind: its collector looks at what it has missed twice a minute.
const cleaning = 3 * time.Minute

// TestAnUninstallLeavesNothing installs all manifests, has the controller guard a guest's namespace, and uninstalls in both orders; the controller
// runs on meanwhile, as its pods do in their grace period. Kubernetes' own garbage collector and namespace controller do what they do.
func TestAnUninstallLeavesNothing(t *testing.T) {
	shared := newWorld(t) // for its binary
	server, err := apiserver.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	w := &world{Server: server, client: server.Client, clients: server.Clients, binary: shared.binary}
	w.controllerManager(t, "garbage-collector-controller,namespace-controller,serviceaccount-controller,serviceaccount-token-controller")
	for order, steps := range map[string][]func(*testing.T){
		"the nodes first":     {w.cleanNodes, w.deleteManifests, w.endCleaning},
		"the manifests first": {w.deleteManifests, w.cleanNodes, w.endCleaning},
	} {
		t.Run(order, func(t *testing.T) { w.uninstalled(t, steps) })
	}
}

func (w *world) uninstalled(t *testing.T, steps []func(*testing.T)) {
	require.Eventually(t, func() bool {
		return w.Apply(t.Context(), root+"/deploy/namespace.yaml", root+"/deploy/controller.yaml", root+"/deploy/resolver.yaml") == nil
	}, waitLong, waitStep)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-", Labels: map[string]string{apis.LabelEnforced: "true"}}}
	require.NoError(t, w.client.Create(t.Context(), node))
	p := w.untested(t)
	ns := w.namespace(t, foreign())
	w.eventuallyGuarded(t, ns)
	w.eventuallyLiqos(t, ns, "pharma")
	require.NoError(t, w.patch(t, w.client, ns, `{"metadata":{"labels":{"liqo.io/remote-cluster-id":null}}}`))
	w.eventuallyLiqos(t, ns, "pharma")
	require.NoError(t, w.Apply(t.Context(), w.manifests()[3:]...))
	for _, step := range steps {
		step(t)
	}
	t.Log("A GuestPolicy may have left these.")
	require.NoError(t, w.patch(t, w.client, ns, `{"metadata":{"labels":{"data-space.liqo.io/suspended":"true"},"annotations":{"data-space.liqo.io/service-types":"NodePort"}}}`))
	require.Contains(t, w.leftovers(t), "namespaces /"+ns, "the guest's namespace has marks; one of the other order may still be going")
	w.cleanLabels(t)
	require.Eventually(t, func() bool { return len(w.leftovers(t)) == 0 }, cleaning, 10*waitStep, "%s", lazily{func() string { return strings.Join(w.leftovers(t), "\n") }})
	time.Sleep(quiet)
	require.Empty(t, w.leftovers(t), "nothing comes back")
	require.NoError(t, p.command.Process.Signal(syscall.SIGTERM))
	_ = p.command.Wait() // that it lost its lease, if it had one, is no failure of this test
	require.NoError(t, w.client.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}))
}

type lazily struct{ text func() string }

func (l lazily) String() string { return l.text() }

// manifests are those of deploy/kustomization.yaml, in its order; the webhook's and the policies, which judge what comes later, last.
func (w *world) manifests() []string {
	var files []string
	for _, name := range []string{"namespace", "controller", "resolver", "agent", "admission-policy", "webhook"} {
		files = append(files, filepath.Join(root, "deploy", name+".yaml"))
	}
	return files
}

// deleteManifests is kubectl delete -k deploy.
func (w *world) deleteManifests(t *testing.T) {
	t.Helper()
	w.deleteFiles(t, w.manifests()...)
}

func (w *world) cleanNodes(t *testing.T) {
	t.Helper()
	require.NoError(t, w.Apply(t.Context(), root+"/deploy/uninstall/agent.yaml"))
}

func (w *world) endCleaning(t *testing.T) {
	t.Helper()
	w.deleteFiles(t, root+"/deploy/uninstall/agent.yaml")
}

// cleanLabels runs the commands of README's uninstall that remove labels and annotations, with kubectl, as an administrator who is not of the group
// system:masters.
func (w *world) cleanLabels(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(root + "/README.md")
	require.NoError(t, err)
	_, uninstall, found := strings.Cut(string(text), "\nUninstall: ")
	require.True(t, found)
	token, err := w.Token(t.Context(), metav1.NamespaceDefault, "controllers")
	require.NoError(t, err)
	config := filepath.Join(t.TempDir(), "admin")
	require.NoError(t, w.Kubeconfig(config, w.Config.Host, token))
	ran := 0
	for line := range strings.Lines(uninstall) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "kubectl" || words[1] != "label" && words[1] != "annotate" {
			continue
		}
		out, err := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), append(words[1:], "--kubeconfig", config)...).CombinedOutput()
		require.NoError(t, err, "%s%s", line, out)
		ran++
	}
	require.Equal(t, 3, ran)
}

// deleteFiles deletes what files hold and waits until it is gone, as kubectl does.
func (w *world) deleteFiles(t *testing.T, files ...string) {
	t.Helper()
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		objects, err := apiserver.Objects(raw)
		require.NoError(t, err)
		for _, object := range objects {
			require.NoError(t, client.IgnoreNotFound(w.client.Delete(t.Context(), object, client.PropagationPolicy(metav1.DeletePropagationBackground))))
		}
	}
	require.Eventually(t, func() bool {
		err := w.client.Get(t.Context(), client.ObjectKey{Name: apis.SystemNamespace}, &corev1.Namespace{})
		return apierrors.IsNotFound(err)
	}, cleaning, 10*waitStep, "the namespace ends")
}

// leftovers lists every object of the cluster that has our name in its own, or one of our labels or annotations. Events are not listed: they expire.
func (w *world) leftovers(t *testing.T) []string {
	t.Helper()
	lists, err := discovery.NewDiscoveryClientForConfigOrDie(w.Config).ServerPreferredResources()
	require.NoError(t, err)
	reader, err := metadata.NewForConfig(w.Config)
	require.NoError(t, err)
	var found []string
	for _, list := range lists {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		require.NoError(t, err)
		for _, resource := range list.APIResources {
			if !strings.Contains(" "+strings.Join(resource.Verbs, " ")+" ", " list ") || resource.Name == "events" {
				continue
			}
			objects, err := reader.Resource(group.WithResource(resource.Name)).List(t.Context(), metav1.ListOptions{})
			if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
				continue
			}
			require.NoError(t, err)
			for _, o := range objects.Items {
				keys := slices.Concat(slices.Collect(maps.Keys(o.Labels)), slices.Collect(maps.Keys(o.Annotations)))
				marked := slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, "data-space.liqo.io") })
				if marked || strings.Contains(o.Name, "data-space") || strings.HasPrefix(o.Namespace, "data-space") {
					found = append(found, resource.Name+" "+o.Namespace+"/"+o.Name)
				}
			}
		}
	}
	return found
}

// untested runs the controller with its own rights, of which the uninstall takes it.
func (w *world) untested(t *testing.T) *process {
	t.Helper()
	p := &process{
		command: exec.Command(w.binary, "--kubeconfig="+w.kubeconfig(t), "--metrics-bind-address=0", "--health-bind-address=0"), output: &kit.Output{},
	}
	p.command.Stderr = p.output
	require.NoError(t, p.command.Start())
	t.Cleanup(func() {
		if p.command.ProcessState == nil {
			_ = p.command.Process.Kill()
			_ = p.command.Wait()
		}
		if t.Failed() {
			t.Log(p.output.End())
		}
	})
	return p
}

// controllerManager runs Kubernetes' own, with some of its controllers.
func (w *world) controllerManager(t *testing.T, controllers string) {
	t.Helper()
	binary := os.Getenv("KUBE_CONTROLLER_MANAGER")
	require.NotEmpty(t, binary, "KUBE_CONTROLLER_MANAGER is unset: name the program")
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "controllers"}}
	require.NoError(t, w.client.Create(t.Context(), account))
	require.NoError(t, w.client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "controllers"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	}))
	token, err := w.Token(t.Context(), account.Namespace, account.Name)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "controllers")
	require.NoError(t, w.Kubeconfig(path, w.Config.Host, token))
	ctx, stop := context.WithCancel(context.Background()) //nolint:usetesting // It outlives the test's own context, so that it ends in order.
	command := exec.CommandContext(ctx, binary, "--kubeconfig="+path, "--leader-elect=false", "--use-service-account-credentials=true",
		"--controllers="+controllers,
		"--authentication-kubeconfig="+path, "--authorization-kubeconfig="+path, "--secure-port=0")
	out := &kit.Output{}
	command.Stderr = out
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		stop()
		_ = command.Wait()
		if t.Failed() {
			t.Log(out.End())
		}
	})
}
