package field

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/claims"
)

// Cluster is the lab, with the demo's scenario deployed. Needs root on the machine that runs the nodes.
type Cluster struct {
	Kube    kubernetes.Interface
	Kubectl string
}

// Open connects by $KUBECONFIG; $KUBECTL names the kubectl to use.
func Open() (*Cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, fmt.Errorf("read KUBECONFIG: %w (run this inside the lab: go run ./test/cluster exec --)", err)
	}
	config.QPS, config.Burst = 50, 100
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	kubectl := os.Getenv("KUBECTL")
	if kubectl == "" {
		kubectl = "kubectl"
	}
	return &Cluster{Kube: kube, Kubectl: kubectl}, nil
}

// Pods lists the running pods, in order of their nodes.
func (c *Cluster) Pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	return claims.RunningPods(ctx, c.Kube, namespace, selector)
}

// nodeNetwork opens the network namespace of a node: that of any pod there that uses it.
func (c *Cluster) nodeNetwork(ctx context.Context, node string) (*netns.Namespace, error) {
	list, err := c.Kube.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return nil, fmt.Errorf("list pods of node %s: %w", node, err)
	}
	for _, pod := range list.Items {
		if pod.Spec.HostNetwork && pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			pid, err := process(pod, pod.Spec.Containers[0].Name)
			if err != nil {
				return nil, err
			}
			return netns.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		}
	}
	return nil, fmt.Errorf("no pod on node %s uses the node's network: nothing leads into it", node)
}

// resolvers are the addresses where the proxies of a namespace send DNS, as their configuration has them.
func (c *Cluster) resolvers(ctx context.Context, namespace string) ([]netip.Addr, error) {
	object, err := c.Kube.CoreV1().ConfigMaps(namespace).Get(ctx, apis.EnvoyConfigMapName, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("the proxy's configuration: %w", err)
	}
	var config any
	if err := yaml.Unmarshal([]byte(object.Data[apis.EnvoyConfigKey]), &config); err != nil {
		return nil, fmt.Errorf("the proxy's configuration: %w", err)
	}
	found := []netip.Addr{}
	walk(config, func(m map[string]any) {
		text, _ := m["address"].(string)
		if address, err := netip.ParseAddr(text); err == nil && m["port_value"] == float64(53) {
			found = append(found, address)
		}
	})
	return found, nil
}

func walk(node any, visit func(m map[string]any)) {
	switch n := node.(type) {
	case map[string]any:
		visit(n)
		for _, v := range n {
			walk(v, visit)
		}
	case []any:
		for _, v := range n {
			walk(v, visit)
		}
	}
}

// process is the first process of a container: the runtime names the container's cgroup after its id, and the nodes are
// namespaces of this machine, so all of their processes are seen here.
func process(pod corev1.Pod, container string) (int, error) {
	id := ""
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if status.Name == container && status.State.Running != nil {
			_, id, _ = strings.Cut(status.ContainerID, "://")
		}
	}
	if id == "" {
		return 0, fmt.Errorf("container %s of pod %s does not run", container, pod.Name)
	}
	pids, err := claims.Processes(id)
	if err != nil {
		return 0, fmt.Errorf("container %s of pod %s: %w", container, pod.Name, err)
	}
	return pids[0], nil
}

var errNoAddress = errors.New("no address of this family")

// address is the pod's of a family.
func address(pod corev1.Pod, v6 bool) (netip.Addr, error) {
	for _, ip := range pod.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil && a.Is6() == v6 {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("pod %s: %w", pod.Name, errNoAddress)
}
