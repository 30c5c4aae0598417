//go:build kernel || api || bench

package agent_test

import (
	"context"

	"github.com/stretchr/testify/require"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func (n *node) sandboxConfig(namespace, name string) *cri.PodSandboxConfig {
	return &cri.PodSandboxConfig{
		Metadata: &cri.PodSandboxMetadata{Namespace: namespace, Name: name, Uid: "uid-" + name},
		Linux: &cri.LinuxPodSandboxConfig{CgroupParent: n.parent, SecurityContext: &cri.LinuxSandboxSecurityContext{
			NamespaceOptions: &cri.NamespaceOption{Network: cri.NamespaceMode_POD, Pid: cri.NamespaceMode_CONTAINER},
		}},
	}
}

// runPod makes a sandbox as the kubelet does.
func (n *node) runPod(config *cri.PodSandboxConfig) string {
	n.t.Helper()
	answer, err := n.runtime.RunPodSandbox(n.t.Context(), &cri.RunPodSandboxRequest{Config: config})
	require.NoError(n.t, err)
	return answer.GetPodSandboxId()
}

// create makes a container as admission leaves it, and does not start it.
func (n *node) create(config *cri.PodSandboxConfig, sandbox, name string, attempt uint32) string {
	n.t.Helper()
	return n.createWith(config, sandbox, name, attempt, &cri.LinuxContainerSecurityContext{
		Capabilities:     &cri.Capability{DropCapabilities: []string{"NET_RAW"}},
		NamespaceOptions: &cri.NamespaceOption{Pid: cri.NamespaceMode_CONTAINER},
	})
}

func (n *node) createWith(config *cri.PodSandboxConfig, sandbox, name string, attempt uint32, security *cri.LinuxContainerSecurityContext) string {
	n.t.Helper()
	answer, err := n.runtime.CreateContainer(n.t.Context(), &cri.CreateContainerRequest{
		PodSandboxId: sandbox, SandboxConfig: config,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: name, Attempt: attempt}, Image: &cri.ImageSpec{Image: pauseImage, UserSpecifiedImage: pauseImage},
			Labels: map[string]string{"io.kubernetes.container.name": name}, // as the kubelet sets it
			Linux:  &cri.LinuxContainerConfig{SecurityContext: security},
		},
	})
	require.NoError(n.t, err)
	return answer.GetContainerId()
}

func (n *node) run(container string) {
	n.t.Helper()
	_, err := n.runtime.StartContainer(n.t.Context(), &cri.StartContainerRequest{ContainerId: container})
	require.NoError(n.t, err)
}

func (n *node) kill(container string) {
	n.t.Helper()
	_, err := n.runtime.StopContainer(n.t.Context(), &cri.StopContainerRequest{ContainerId: container})
	require.NoError(n.t, err)
}

func (n *node) removePod(sandbox string) {
	n.t.Helper()
	_, err := n.runtime.StopPodSandbox(n.t.Context(), &cri.StopPodSandboxRequest{PodSandboxId: sandbox})
	require.NoError(n.t, err)
}

func (n *node) removeAll() {
	ctx := context.Background()
	boxes, err := n.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	require.NoError(n.t, err)
	for _, b := range boxes.GetItems() {
		_, err := n.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: b.GetId()})
		require.NoError(n.t, err)
		_, err = n.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: b.GetId()})
		require.NoError(n.t, err)
	}
}
