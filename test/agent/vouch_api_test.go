//go:build api

package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"data-space.liqo.io/pkg/decisions/seccomp"
	"data-space.liqo.io/pkg/effects/leases"
	"data-space.liqo.io/pkg/programs/agent"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/nodelease"
)

func TestAnAgentVouchesForItsNodeWhileItsGateStands(t *testing.T) {
	c, n := newCluster(t), newNode(t)
	c.namespace("pharma", map[string]string{apis.LabelRemoteCluster: "pharma-1"})
	token := c.boundToken(nodeName)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, c.server.Kubeconfig(kubeconfig, c.config.Host, token))
	kubelet := t.TempDir()
	args := append(n.gates(t), "--kubelet-dir="+kubelet)
	conf := filepath.Join(filepath.Dir(n.socket), "cni")

	early := c.pod("pharma", "early")
	config := n.sandboxConfig("pharma", "early")
	config.Metadata.Uid = string(early.UID)
	box := n.runPod(config)
	n.run(n.create(config, box, "app", 0))

	lease := func() nodelease.State {
		l, err := c.CoordinationV1().Leases(apis.SystemNamespace).Get(t.Context(), "agent-"+nodeName, metav1.GetOptions{})
		if err != nil {
			return nodelease.State{}
		}
		s, ok := nodelease.Read(l)
		require.True(t, ok)
		require.Equal(t, nodeName, l.OwnerReferences[0].Name)
		return s
	}
	state := t.TempDir()
	p := startProgram(t, c, n, kubeconfig, state, args...)
	var first nodelease.State
	require.Eventually(t, func() bool { first = lease(); return first.Holder == "pod-1" }, 30*time.Second, 50*time.Millisecond)
	boot, err := leases.Boot()
	require.NoError(t, err)
	require.Equal(t, boot, first.Boot)
	require.Eventually(t, func() bool { return lease().Renewed.After(first.Renewed) }, 30*time.Second, 50*time.Millisecond, "the second comes soon")
	require.Contains(t, get(p.metrics, "/metrics"), "data_space_agent_vouched 1")

	t.Run("a pod that ran before is reported", func(t *testing.T) {
		require.Eventually(t, func() bool { return len(c.events(t.Context(), early, agent.EventFoundUnenforced)) == 1 }, 30*time.Second, 50*time.Millisecond)
		require.Contains(t, c.events(t.Context(), early, agent.EventFoundUnenforced)[0], "without rules since 20")
		require.Contains(t, get(p.metrics, "/metrics"), "data_space_agent_found_unenforced_total 1")
		p.reaches("early", agentapi.Closed, "")
		require.Eventually(t, func() bool {
			reported := nodelease.DecodeGuests(lease().Guests)
			return len(reported) == 1 && reported[0].Guest == "pharma-1" && reported[0].Pods == 1 && reported[0].Held == 1 && !reported[0].Written.IsZero()
		}, 60*time.Second, 100*time.Millisecond, "and the Lease counts it, for the status of its guest")
	})

	t.Run("the Lease has the checkpoint of the log of facts", func(t *testing.T) {
		var signed string
		require.Eventually(t, func() bool { signed = lease().Checkpoint; return signed != "" }, 60*time.Second, 100*time.Millisecond)
		kept := filepath.Join(t.TempDir(), "checkpoint")
		require.NoError(t, os.WriteFile(kept, []byte(signed), 0o600))
		v, err := facts.Verify(filepath.Join(state, "facts"), nil, []string{kept}, "")
		require.NoError(t, err)
		require.Empty(t, v.Flaws, "the log continues it")
		require.Contains(t, get(p.metrics, "/metrics"), `data_space_agent_facts_checkpoint_hash{part="5"} `)
	})

	t.Run("a gate that cannot be kept ends it, and one that stands again begins it", func(t *testing.T) {
		file := filepath.Join(conf, "test.conflist")
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(text), "data-space-cni", "the folder that containerd reports")
		require.NoError(t, os.Rename(file, file+".real"))
		require.NoError(t, os.Symlink(file+".real", file))
		require.Eventually(t, func() bool { return lease().Holder == "" }, time.Minute, 50*time.Millisecond, "%s", p.output)
		p.logs("symlink")
		require.NoError(t, os.Rename(file+".real", file))
		require.Eventually(t, func() bool { return lease().Holder == "pod-1" }, time.Minute, 50*time.Millisecond)
	})

	t.Run("so does a seccomp profile that cannot be put in its place", func(t *testing.T) {
		profiles := filepath.Join(kubelet, "seccomp")
		require.DirExists(t, profiles)
		require.NoError(t, os.RemoveAll(profiles))
		require.NoError(t, os.WriteFile(profiles, nil, 0o600))
		require.Eventually(t, func() bool { return lease().Holder == "" }, 30*time.Second, 50*time.Millisecond, "%s", p.output)
		p.logs("the seccomp profile is not in its place")
		require.NoError(t, os.Remove(profiles))
		require.Eventually(t, func() bool { return lease().Holder == "pod-1" }, 30*time.Second, 50*time.Millisecond)
		require.DirExists(t, filepath.Join(profiles, seccomp.Folder))
	})

	t.Run("an agent that is replaced leaves its Lease held", func(t *testing.T) {
		p.stop()
		require.Equal(t, "pod-1", lease().Holder)
	})

	t.Run("a folder that the runtime does not use is an error, and none is created", func(t *testing.T) {
		wrong := t.TempDir() + "/net.d"
		out := c.fails(n, kubeconfig, state, append(args, "--cni-conf-dir="+wrong, "--metrics-bind-address=0", "--health-bind-address=0")...)
		require.Contains(t, out, "--cni-conf-dir="+wrong)
		require.Contains(t, out, "reads its CNI configurations from "+conf)
		require.NoDirExists(t, wrong)
	})
}

// TestAnAgentWritesTheLeaseOfItsOwnNodeOnly: with exactly the manifest's rights.
func TestAnAgentWritesTheLeaseOfItsOwnNodeOnly(t *testing.T) {
	c := newCluster(t)
	own, other := c.boundTo(nodeName), c.boundTo("another-node")
	write := func(api kubernetes.Interface, node string) error {
		l := &coordinationv1.Lease{}
		require.NoError(t, nodelease.Write(l, nodelease.State{Node: node, Holder: "pod-1", Boot: "boot-1", Renewed: time.Now()}))
		_, err := api.CoordinationV1().Leases(apis.SystemNamespace).Create(t.Context(), l, metav1.CreateOptions{})
		return err
	}
	require.Eventually(t, func() bool {
		err := write(other, nodeName)
		return err != nil && strings.Contains(err.Error(), "own node only")
	}, time.Minute, 100*time.Millisecond, "the policy is in force")
	require.NoError(t, write(own, nodeName))
	require.ErrorContains(t, write(own, "third"), "own node only")
	l, err := other.CoordinationV1().Leases(apis.SystemNamespace).Get(t.Context(), "agent-"+nodeName, metav1.GetOptions{})
	require.NoError(t, err)
	l.Annotations[nodelease.AnnotationBoot] = "boot-2"
	_, err = other.CoordinationV1().Leases(apis.SystemNamespace).Update(t.Context(), l, metav1.UpdateOptions{})
	require.ErrorContains(t, err, "own node only")
	err = own.CoordinationV1().Leases(apis.SystemNamespace).Delete(t.Context(), "agent-"+nodeName, metav1.DeleteOptions{})
	require.ErrorContains(t, err, "forbidden")
	_, err = own.CoordinationV1().Leases("default").Create(t.Context(), &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "agent-x"}}, metav1.CreateOptions{})
	require.ErrorContains(t, err, "forbidden")
	_, err = own.CoreV1().Nodes().Patch(t.Context(), nodeName, "application/merge-patch+json", []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{})
	require.ErrorContains(t, err, "forbidden")

	// A token that names no node vouches for none.
	token, err := c.server.Token(t.Context(), apis.SystemNamespace, account)
	require.NoError(t, err)
	require.ErrorContains(t, write(c.bearing(token), "third"), "must name that node")
}
