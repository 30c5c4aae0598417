//go:build kernel

package agent_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

func TestWhatIsOnlySoOnCRIO(t *testing.T) {
	n := newNodeOf(t, withoutEvents(crio()))
	client, err := sandbox.Dial(t.Context(), n.socket)
	require.NoError(t, err)
	defer client.Close()
	r := startAgent(t, n, newAPI(), filepath.Join(t.TempDir(), "guarded"))

	t.Run("as it is installed it has no events, and is asked instead", func(t *testing.T) {
		config := n.sandboxConfig("pharma", "job")
		box := n.runPod(config)
		r.reaches("job", agentapi.Closed)
		for attempt := range uint32(2) {
			proxy := n.create(config, box, apis.ProxyContainerName, attempt)
			n.run(proxy)
			e := r.endpoint("job", func(e agentapi.EndpointStatus) bool {
				return e.State == agentapi.Enforced && e.Proxy != nil && e.Proxy.Container == proxy
			})
			require.Equal(t, n.parent+n.engine.cgroup+proxy, e.Proxy.Cgroup)
			n.kill(proxy)
			r.reaches("job", agentapi.Closed)
		}
	})

	// It decides whether the rules hold a pod. The status does not tell it, and a pod's own labels go over CRI-O's notes.
	t.Run("a pod cannot hide what runs it", func(t *testing.T) {
		const note = "io.kubernetes.cri-o.RuntimeHandler"
		hidden, forged := "(hidden by the pod's own "+note+")", map[string]string{note: "runc"}
		for name, c := range map[string]struct {
			handler, want       string
			annotations, labels map[string]string
			state               agentapi.State
		}{
			"default":    {state: agentapi.Closed},
			"usual":      {handler: "runc", want: "runc", state: agentapi.Closed},
			"other":      {handler: "other", want: "other", state: agentapi.Quarantined},
			"annotation": {handler: "other", want: hidden, annotations: forged, state: agentapi.Quarantined},
			"label":      {handler: "other", want: hidden, labels: forged, state: agentapi.Quarantined},
		} {
			config := n.sandboxConfig("pharma", name)
			config.Annotations, config.Labels = c.annotations, c.labels
			answer, err := n.runtime.RunPodSandbox(t.Context(), &cri.RunPodSandboxRequest{Config: config, RuntimeHandler: c.handler})
			require.NoError(t, err)
			detail, err := client.Sandbox(t.Context(), answer.GetPodSandboxId())
			require.NoError(t, err)
			require.Equal(t, c.want, detail.Runtime.Handler, name)
			r.reaches(name, c.state)
		}
	})
}
