package sandbox

import (
	"context"
	"fmt"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/values/workload"
)

// List returns every sandbox of the node with its containers, dead ones included. It costs two calls, independent of their number.
func (c *Client) List(ctx context.Context) ([]workload.Sandbox, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// Containers first: a container whose sandbox came in between is missed and seen the next time; the other way round,
	// a sandbox would look as if it had none.
	containers, err := c.cri.ListContainers(ctx, &cri.ListContainersRequest{})
	if err != nil {
		return nil, fmt.Errorf("list the containers at %s: %w", c.Socket, plain(err))
	}
	boxes, err := c.cri.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	if err != nil {
		return nil, fmt.Errorf("list the pod sandboxes at %s: %w", c.Socket, plain(err))
	}
	return join(boxes.GetItems(), containers.GetContainers()), nil
}

func join(boxes []*cri.PodSandbox, containers []*cri.Container) []workload.Sandbox {
	of := map[string][]workload.Container{}
	for _, c := range containers {
		of[c.GetPodSandboxId()] = append(of[c.GetPodSandboxId()], workload.Container{
			ID: c.GetId(), Name: c.GetMetadata().GetName(), State: state(c.GetState()), CreatedAt: c.GetCreatedAt(),
		})
	}
	out := make([]workload.Sandbox, 0, len(boxes))
	for _, b := range boxes {
		m := b.GetMetadata()
		out = append(out, workload.Sandbox{
			ID: b.GetId(), Namespace: m.GetNamespace(), Name: m.GetName(), UID: m.GetUid(),
			Ready: b.GetState() == cri.PodSandboxState_SANDBOX_READY, CreatedAt: b.GetCreatedAt(), Containers: of[b.GetId()],
		})
	}
	return out
}

func state(s cri.ContainerState) workload.State {
	switch s {
	case cri.ContainerState_CONTAINER_CREATED:
		return workload.Created
	case cri.ContainerState_CONTAINER_RUNNING:
		return workload.Running
	case cri.ContainerState_CONTAINER_EXITED:
		return workload.Exited
	default:
		return workload.Unknown
	}
}
