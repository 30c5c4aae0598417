package claims

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/effects/netns"
)

// Processes lists the machine's processes that run in the container with this id: the runtime names the container's
// cgroup after it. The nodes are namespaces (or containers) of this machine, so all of their processes are seen here. The
// container's own program comes first: what it has started since, such as the agent's iptables, may be in another network.
func Processes(container string) ([]int, error) {
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
			return nil, fmt.Errorf("look at process %d: %w (this needs root)", pid, err)
		}
		if err == nil && strings.Contains(string(groups), container) {
			found = append(found, pid)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no process of container %s runs on this machine: run this where the nodes run", container)
	}
	begun := map[int]uint64{}
	for _, pid := range found {
		begun[pid] = begin(pid)
	}
	slices.SortFunc(found, func(a, b int) int { return cmp.Or(cmp.Compare(begun[a], begun[b]), cmp.Compare(a, b)) })
	return found, nil
}

// begin is when a process began, in clock ticks since the machine's start (proc_pid_stat(5), starttime), and the largest
// number for one that has ended meanwhile.
func begin(pid int) uint64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return math.MaxUint64
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return math.MaxUint64
	}
	ticks, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return math.MaxUint64
	}
	return ticks
}

// PodNetwork opens the network namespace of a pod that runs on this machine.
func PodNetwork(pod corev1.Pod) (*netns.Namespace, error) {
	container, err := anyContainer(pod)
	if err != nil {
		return nil, err
	}
	pids, err := Processes(container)
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
