//go:build api

package controller

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/programs/nodeoffers"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/nodelease"
	"data-space.liqo.io/test/kit"
)

// Times of these tests: agents renew ten times within the duration.
const (
	leaseFor   = 5 * time.Second
	renewEvery = 500 * time.Millisecond
	shortLease = "--agent-lease-duration=5s"
)

func startupTaint() corev1.Taint {
	return corev1.Taint{Key: "data-space.liqo.io/agent-not-ready", Effect: corev1.TaintEffectNoSchedule}
}

// node makes a Node as a kubelet registers it.
func (w *world) node(t *testing.T, name string, taints ...corev1.Taint) {
	t.Helper()
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux"},
			Annotations: map[string]string{"node.alpha.kubernetes.io/ttl": "0"},
		},
		Spec: corev1.NodeSpec{Taints: taints},
	}
	require.NoError(t, w.client.Create(t.Context(), node))
	//nolint:usetesting // The test's own context has ended by then.
	t.Cleanup(func() { _ = w.client.Delete(context.Background(), node) })
	w.boot(t, name, "boot-1")
}

// boot has the kubelet report that the node runs that boot.
func (w *world) boot(t *testing.T, name, boot string) {
	t.Helper()
	patch := []byte(fmt.Sprintf(`{"status":{"nodeInfo":{"bootID":%q}}}`, boot))
	_, err := w.clients.CoreV1().Nodes().Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	require.NoError(t, err)
}

func (w *world) offered(t *testing.T, name string) bool {
	t.Helper()
	node, err := w.clients.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, name, node.Labels[corev1.LabelHostname], "its other labels stay")
	return node.Labels[apis.LabelEnforced] == "true"
}

func (w *world) tainted(t *testing.T, name string) bool {
	t.Helper()
	node, err := w.clients.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return slices.ContainsFunc(node.Spec.Taints, func(x corev1.Taint) bool { return x.Key == startupTaint().Key })
}

// renew writes the Lease once, as an agent whose clock is wrong by an hour.
func (w *world) renew(ctx context.Context, node, holder, boot string) error {
	name, err := nodelease.Name(node)
	if err != nil {
		return err
	}
	state := nodelease.State{Node: node, Holder: holder, Boot: boot, Renewed: time.Now().Add(-time.Hour)}
	lease := &coordinationv1.Lease{}
	err = w.client.Get(ctx, client.ObjectKey{Namespace: apis.SystemNamespace, Name: name}, lease)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	missing := err != nil
	if err := nodelease.Write(lease, state); err != nil {
		return err
	}
	if missing {
		return w.client.Create(ctx, lease)
	}
	return w.client.Update(ctx, lease)
}

// agent renews until stop is called or the test ends.
func (w *world) agent(t *testing.T, node, boot string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = w.renew(ctx, node, "pod-1", boot)
			select {
			case <-ctx.Done():
			case <-time.After(renewEvery):
			}
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// nodeEvents are the notes of the Events on a Node.
func (w *world) nodeEvents(t *testing.T, node, reason string) []string {
	t.Helper()
	list, err := w.clients.EventsV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "reason=" + reason})
	require.NoError(t, err)
	var notes []string
	for _, e := range list.Items {
		if e.Regarding.Kind == "Node" && e.Regarding.Name == node {
			notes = append(notes, e.Note)
		}
	}
	return notes
}

func TestANodeIsOfferedWhileItsAgentRenews(t *testing.T) {
	w := newWorld(t)
	w.node(t, "guarded", startupTaint(), corev1.Taint{Key: "hospital", Effect: corev1.TaintEffectNoSchedule})
	w.node(t, "bare", startupTaint())
	require.NoError(t, w.renew(t.Context(), "guarded", "pod-0", "boot-1"))
	w.start(t, shortLease, "--startup-taint=data-space.liqo.io/agent-not-ready:NoSchedule")
	time.Sleep(quiet)
	require.False(t, w.offered(t, "guarded"), "a Lease that was there before may be as old as it likes")
	require.True(t, w.tainted(t, "guarded"))

	stop := w.agent(t, "guarded", "boot-1")
	eventually(t, "the node is offered", func() bool { return w.offered(t, "guarded") && !w.tainted(t, "guarded") })
	eventually(t, "with an Event", func() bool { return len(w.nodeEvents(t, "guarded", nodeoffers.ReasonOffered)) > 0 })
	time.Sleep(2 * leaseFor)
	require.True(t, w.offered(t, "guarded"))
	require.Empty(t, w.nodeEvents(t, "guarded", nodeoffers.ReasonWithdrawn), "not for a moment")
	require.False(t, w.offered(t, "bare"))
	require.True(t, w.tainted(t, "bare"))

	t.Run("who takes the label off finds it back", func(t *testing.T) {
		patch := []byte(`{"metadata":{"labels":{"` + apis.LabelEnforced + `":null}}}`)
		_, err := w.clients.CoreV1().Nodes().Patch(t.Context(), "guarded", types.MergePatchType, patch, metav1.PatchOptions{})
		require.NoError(t, err)
		eventually(t, "it is back", func() bool { return w.offered(t, "guarded") })
	})
	t.Run("the agent stops", func(t *testing.T) {
		stop()
		eventually(t, "the node is withdrawn", func() bool { return !w.offered(t, "guarded") && w.tainted(t, "guarded") })
		eventually(t, "with an Event", func() bool {
			return slices.ContainsFunc(w.nodeEvents(t, "guarded", nodeoffers.ReasonWithdrawn), func(note string) bool { return strings.Contains(note, "Expired") })
		})
		node, err := w.clients.CoreV1().Nodes().Get(t.Context(), "guarded", metav1.GetOptions{})
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(node.Spec.Taints, func(x corev1.Taint) bool { return x.Key == "hospital" }), "another's taint stays")
	})
	t.Run("the node reboots", func(t *testing.T) {
		stop := w.agent(t, "guarded", "boot-1")
		eventually(t, "offered", func() bool { return w.offered(t, "guarded") })
		w.boot(t, "guarded", "boot-2")
		eventually(t, "withdrawn, though the Lease is fresh", func() bool { return !w.offered(t, "guarded") })
		stop()
		w.agent(t, "guarded", "boot-2")
		eventually(t, "offered again", func() bool { return w.offered(t, "guarded") })
	})
}

func TestAnAgentThatGivesItsLeaseUpLosesItsNodeAtOnce(t *testing.T) {
	w := newWorld(t)
	w.node(t, "released")
	w.start(t, "--agent-lease-duration=1h")
	stop := w.agent(t, "released", "boot-1")
	eventually(t, "offered", func() bool { return w.offered(t, "released") })
	stop()
	require.NoError(t, w.renew(t.Context(), "released", "", "boot-1"))
	eventually(t, "withdrawn", func() bool { return !w.offered(t, "released") })

	w.agent(t, "released", "boot-1")
	eventually(t, "offered again", func() bool { return w.offered(t, "released") })
}

func TestTheNextLeaderGoesOnWithoutALabelThatFlaps(t *testing.T) {
	w := newWorld(t)
	w.node(t, "led")
	w.agent(t, "led", "boot-1")
	first := w.start(t, shortLease, "--leader-elect")
	eventually(t, "offered", func() bool { return w.offered(t, "led") })
	w.start(t, shortLease, "--leader-elect")
	changes := w.labelChanges(t, "led")
	first.stop(t)
	time.Sleep(3 * leaseFor)
	require.True(t, w.offered(t, "led"))
	require.Empty(t, changes(), "nobody has touched the label meanwhile")
}

// labelChanges watches the label until the returned function is called, which tells what it saw.
func (w *world) labelChanges(t *testing.T, node string) func() []string {
	t.Helper()
	watch, err := w.clients.CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + node})
	require.NoError(t, err)
	seen := make(chan []string, 1)
	go func() {
		var values []string
		for e := range watch.ResultChan() {
			if n, ok := e.Object.(*corev1.Node); ok && n.Labels[apis.LabelEnforced] != "true" {
				values = append(values, fmt.Sprint(e.Type, n.Labels))
			}
		}
		seen <- values
	}()
	return func() []string { watch.Stop(); return <-seen }
}

func TestNobodyLosesItsNodeSinceTheControllerWasCutOff(t *testing.T) {
	w := newWorld(t)
	w.node(t, "cut")
	line, err := kit.NewLine(w.Config.Host)
	require.NoError(t, err)
	t.Cleanup(line.Cut)
	token, err := w.Token(t.Context(), apis.SystemNamespace, apis.ControllerName)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, w.Kubeconfig(path, line.URL(), token))
	stop := w.agent(t, "cut", "boot-1")
	w.start(t, shortLease, "--kubeconfig="+path)
	eventually(t, "offered", func() bool { return w.offered(t, "cut") })

	changes := w.labelChanges(t, "cut")
	stop() // the agents cannot write either
	line.Cut()
	time.Sleep(3 * leaseFor)
	require.NoError(t, line.Join())
	eventually(t, "the controller is back", func() bool { return line.Used() })
	time.Sleep(leaseFor / 2)
	require.NoError(t, w.renew(t.Context(), "cut", "pod-1", "boot-1"))
	w.agent(t, "cut", "boot-1")
	time.Sleep(2 * leaseFor)
	require.Empty(t, changes())
}

func TestOnlyTheControllerWritesTheLabel(t *testing.T) {
	w := newWorld(t)
	w.node(t, "target")
	require.NoError(t, client.IgnoreAlreadyExists(w.client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "kubelets"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:node"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: "system:nodes"}},
	})))
	as := func(user string, groups ...string) kubernetes.Interface {
		config := rest.CopyConfig(w.Config)
		config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
		clients, err := kubernetes.NewForConfig(config)
		require.NoError(t, err)
		return clients
	}
	kubelet := as("system:node:target", "system:nodes", "system:authenticated")
	patch := func(c kubernetes.Interface, text string, sub ...string) error {
		_, err := c.CoreV1().Nodes().Patch(t.Context(), "target", types.StrategicMergePatchType, []byte(text),
			metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}}, sub...)
		return err
	}
	label := `{"metadata":{"labels":{"` + apis.LabelEnforced + `":"true"}}}`
	require.Eventually(t, func() bool { return patch(kubelet, label) != nil }, waitLong, waitStep, "the policy is in force")
	for what, err := range map[string]error{
		"its kubelet":                       patch(kubelet, label),
		"its kubelet, by the Node's status": patch(kubelet, label, "status"),
	} {
		require.ErrorContains(t, err, "only data-space-controller sets", what)
	}
	_, err := kubelet.CoreV1().Nodes().Create(t.Context(),
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "born-so", Labels: map[string]string{apis.LabelEnforced: "true"}}}, metav1.CreateOptions{})
	require.ErrorContains(t, err, "only data-space-controller sets")
	require.NoError(t, patch(kubelet, `{"metadata":{"labels":{"topology.kubernetes.io/zone":"a"}}}`), "its other labels are its own")
	require.NoError(t, patch(kubelet, `{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`, "status"))

	own := as("system:serviceaccount:"+apis.SystemNamespace+":"+apis.ControllerName,
		"system:serviceaccounts", "system:serviceaccounts:"+apis.SystemNamespace, "system:authenticated")
	require.NoError(t, patch(own, label))
	taints := func(more corev1.Taint) string {
		node, err := w.clients.CoreV1().Nodes().Get(t.Context(), "target", metav1.GetOptions{})
		require.NoError(t, err)
		text, err := json.Marshal(map[string]any{"spec": map[string]any{"taints": append(node.Spec.Taints, more)}})
		require.NoError(t, err)
		return string(text)
	}
	require.NoError(t, patch(own, taints(startupTaint())))
	require.ErrorContains(t, patch(own, taints(corev1.Taint{Key: "hospital", Effect: corev1.TaintEffectNoExecute})), "its startup taint")
	for what, text := range map[string]string{
		"of a Node's metadata the controller writes one label":     `{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":""}}}`,
		"of a Node's spec the controller writes its startup taint": `{"spec":{"unschedulable":true}}`,
	} {
		require.ErrorContains(t, patch(own, text), what)
	}
	require.ErrorContains(t, patch(own, `{"spec":{"taints":[]}}`), "its startup taint", "others' taints stay")
	require.ErrorContains(t, patch(own, `{"metadata":{"annotations":{"a":"b"}}}`), "one label")
	require.Error(t, patch(own, label, "status"), "it has no right to a Node's status")
}
