//go:build kernel

package agent_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/decisions/seccomp"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/effects/seccompfile"
	"data-space.liqo.io/pkg/programs/startgate"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
)

// TestWithoutTheAgentsProfileNoContainerIsCreated: the third gate. The runtime reads the profile that the proxy names when it
// creates the container; the kubelet passes its path on without a look (pkg/kubelet/kuberuntime, fieldSeccompProfile). CRI-O
// does the same (internal/config/seccomp); the one that these tests run is built without seccomp, and cannot show it.
func TestWithoutTheAgentsProfileNoContainerIsCreated(t *testing.T) {
	g := newGated(t)
	kubelet, volatile := t.TempDir(), filepath.Join(t.TempDir(), "seccomp")
	folder, err := seccompfile.Open(kubelet, volatile)
	require.NoError(t, err)
	name, err := seccomp.Name()
	require.NoError(t, err)
	text, err := seccomp.Here().JSON()
	require.NoError(t, err)

	config := g.config("pharma", "app")
	create := func(box string) error {
		security := plain()
		security.Seccomp = &cri.SecurityProfile{ProfileType: cri.SecurityProfile_Localhost, LocalhostRef: filepath.Join(kubelet, "seccomp", name)}
		answer, err := g.runtime.CreateContainer(t.Context(), &cri.CreateContainerRequest{
			PodSandboxId: box, SandboxConfig: config,
			Config: &cri.ContainerConfig{
				Metadata: &cri.ContainerMetadata{Name: apis.ProxyContainerName}, Image: &cri.ImageSpec{Image: pauseImage, UserSpecifiedImage: pauseImage},
				Labels: map[string]string{"io.kubernetes.container.name": apis.ProxyContainerName},
				Linux:  &cri.LinuxContainerConfig{SecurityContext: security},
			},
		})
		if err == nil {
			g.run(answer.GetContainerId())
		}
		return err
	}
	// No agent has run since the boot, and no CNI entry stands: the sandbox is made, and nothing can run in it.
	box := g.runPod(config)
	require.ErrorContains(t, create(box), filepath.Base(name))

	client, err := sandbox.Dial(t.Context(), g.node.socket)
	require.NoError(t, err)
	defer client.Close()
	a := newAPI()
	r := startAgent(t, g.node, a, filepath.Join(t.TempDir(), "guarded"))
	gate, err := startgate.New(r.chained(g.chain), startgate.Config{
		Socket: g.socket, File: g.list, Exempt: []string{"kube-system"}, Marks: true,
		Profile: &startgate.Profile{Folder: folder, Name: name, Text: text},
	})
	require.NoError(t, err)
	placed := false
	g.chain.Placed = func() {
		if !placed {
			require.NoFileExists(t, filepath.Join(kubelet, "seccomp", name), "the first gate stands before")
			placed = true
		}
		gate.Placed()
	}
	stop := g.runGate(t, gate)
	require.Eventually(t, func() bool { return create(box) == nil }, 30*time.Second, 50*time.Millisecond, "the kubelet tries again")
	r.reaches("app", agentapi.Enforced)
	stop()
	require.FileExists(t, filepath.Join(kubelet, "seccomp", name), "containers restart while the agent is away")
	g.removePod(box)
}
