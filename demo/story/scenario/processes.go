package scenario

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/effects/netns"
)

// processes lists the machine's processes that run in the container with this id: the runtime names the container's
// cgroup after it. The nodes are namespaces (or containers) of this machine, so all of their processes are seen here.
func processes(container string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	found := []int{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		groups, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cgroup"))
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("look at process %d: %w (the story needs root)", pid, err)
		}
		if err == nil && strings.Contains(string(groups), container) {
			found = append(found, pid)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no process of container %s runs on this machine: run the story where the nodes run", container)
	}
	slices.Sort(found)
	return found, nil
}

// PodNetwork opens the network namespace of a pod that runs on this machine.
func PodNetwork(pod corev1.Pod) (*netns.Namespace, error) {
	container, err := anyContainer(pod)
	if err != nil {
		return nil, err
	}
	pids, err := processes(container)
	if err != nil {
		return nil, err
	}
	return netns.Open(fmt.Sprintf("/proc/%d/ns/net", pids[0]))
}

// nodeNetwork opens the network namespace of a node: that of any pod there that uses the node's network.
func (w *World) nodeNetwork(ctx context.Context, node string) (*netns.Namespace, error) {
	list, err := w.kube.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return nil, fmt.Errorf("list pods of node %s: %w", node, err)
	}
	for _, pod := range list.Items {
		if pod.Spec.HostNetwork && pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			return PodNetwork(pod)
		}
	}
	return nil, fmt.Errorf("no pod on node %s uses the node's network: nothing leads into it", node)
}
