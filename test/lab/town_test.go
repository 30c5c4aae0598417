//go:build lab

package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/claims"
	"data-space.liqo.io/test/leak/field"
)

// town is a namespace with pods on both nodes, in whose networks the test itself listens and calls. A pod's name is its
// label and the number of its node: a1, b2. Each listens on two ports; "web" is the first of them on node 1, on node 2 the second.
type town struct {
	*field.Cluster
	world *claims.World
	name  string
	homes map[string]*home // of pods, and of machines: node1, node2, control
}

// home is a pod's network, or a node's.
type home struct {
	pod   corev1.Pod
	space *netns.Namespace
}

const firstPort, secondPort, machinePort = 8080, 9090, 18080

// newTown makes a namespace with the labels and the pods, and takes it away when the test ends.
func newTown(t *testing.T, world *claims.World, name string, labels map[string]string, names ...string) *town {
	t.Helper()
	cluster, err := field.Open()
	require.NoError(t, err)
	w := &town{Cluster: cluster, world: world, name: name, homes: map[string]*home{}}
	ctx, spaces := context.Background(), cluster.Kube.CoreV1().Namespaces()
	require.Eventually(t, func() bool {
		_, err := spaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.name, Labels: labels}}, metav1.CreateOptions{})
		return err == nil // an earlier test's may be on its way out
	}, time.Minute, 200*time.Millisecond)
	t.Cleanup(func() { _ = spaces.Delete(ctx, w.name, metav1.DeleteOptions{}) })
	nodes, err := cluster.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, nodes.Items, 2)
	for _, name := range names {
		w.create(t, name, nodes.Items[name[1]-'1'].Name)
	}
	for _, name := range names {
		w.settle(t, name)
	}
	return w
}

// machines opens the networks of both nodes, and the test's own: that of a machine which is no pod's node.
func (w *town) machines(t *testing.T) {
	t.Helper()
	agents, err := w.Pods(context.Background(), apis.SystemNamespace, "app.kubernetes.io/name=data-space-agent")
	require.NoError(t, err)
	require.Len(t, agents, 2)
	for i, agent := range agents {
		name := fmt.Sprintf("node%d", i+1)
		w.homes[name] = w.home(t, agent) // it uses the node's network
		w.homes[name].listen(t, name, machinePort)
	}
	space, err := netns.Open("/proc/self/ns/net")
	require.NoError(t, err)
	t.Cleanup(func() { _ = space.Close() })
	w.homes["control"] = &home{space: space}
}

// serve makes a Service of port 80 for each of the pods: service-a1.
func (w *town) serve(t *testing.T, names ...string) {
	t.Helper()
	dual := corev1.IPFamilyPolicyRequireDualStack
	for _, name := range names {
		_, err := w.Kube.CoreV1().Services(w.name).Create(context.Background(), &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "service-" + name},
			Spec: corev1.ServiceSpec{
				IPFamilyPolicy: &dual, Selector: map[string]string{"name": name},
				Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(firstPort)}},
			},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
}

func (w *town) create(t *testing.T, name, node string) {
	t.Helper()
	grace, token := int64(0), false
	web := int32(firstPort)
	if strings.HasSuffix(name, "2") {
		web = secondPort
	}
	_, err := w.Kube.CoreV1().Pods(w.name).Create(context.Background(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.name, Labels: map[string]string{"pod": name[:1], "name": name}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace, AutomountServiceAccountToken: &token,
			NodeSelector: map[string]string{corev1.LabelHostname: node},
			Containers: []corev1.Container{{
				Name: "app", Image: "docker.io/data-spacer/pause:dev", ImagePullPolicy: corev1.PullIfNotPresent,
				Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: web}},
			}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// settle waits until the pod runs, and listens in its network.
func (w *town) settle(t *testing.T, name string) {
	t.Helper()
	var pod *corev1.Pod
	require.Eventually(t, func() bool {
		var err error
		pod, err = w.Kube.CoreV1().Pods(w.name).Get(context.Background(), name, metav1.GetOptions{})
		return err == nil && pod.Status.Phase == corev1.PodRunning
	}, time.Minute, 100*time.Millisecond, "%s starts", name)
	w.homes[name] = w.home(t, *pod)
	for _, port := range []int{firstPort, secondPort} {
		w.homes[name].listen(t, name, port)
	}
}

func (w *town) home(t *testing.T, pod corev1.Pod) *home {
	t.Helper()
	space, err := claims.PodNetwork(pod)
	require.NoError(t, err)
	t.Cleanup(func() { _ = space.Close() })
	return &home{pod, space}
}

// listen answers with the pod's name, and then says what it hears.
func (h *home) listen(t *testing.T, name string, port int) {
	t.Helper()
	var listener net.Listener
	require.NoError(t, h.space.Do(func() (err error) {
		listener, err = net.Listen("tcp", fmt.Sprintf(":%d", port))
		return err
	}))
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := io.WriteString(conn, name+"\n"); err == nil {
					_, _ = io.Copy(conn, conn)
				}
			}()
		}
	}()
}

// How long an answer is waited for that should come, and one that should not.
const patient, brief = 10 * time.Second, 3 * time.Second

// dial opens a connection from the pod's network and returns it with the name of who answered.
func (h *home) dial(to netip.AddrPort, wait time.Duration) (conn net.Conn, name string, err error) {
	err = h.space.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp", to.String(), wait)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return nil, "", errors.Join(err, conn.Close())
	}
	name, err = bufio.NewReaderSize(conn, 16).ReadString('\n')
	if err != nil {
		return nil, "", errors.Join(err, conn.Close())
	}
	return conn, strings.TrimSpace(name), conn.SetDeadline(time.Time{})
}

// reaches is the name of who answered; empty, and why, when nobody did.
func (h *home) reaches(to netip.AddrPort, wait time.Duration) (string, error) {
	conn, name, err := h.dial(to, wait)
	if err != nil {
		return "", err
	}
	return name, conn.Close()
}

// apply writes policies: each a name, a colon and its spec.
func (w *town) apply(t *testing.T, policies ...string) {
	t.Helper()
	for _, policy := range policies {
		name, spec, _ := strings.Cut(policy, ": ")
		kubectl(t, fmt.Sprintf("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: %s, namespace: %s}, spec: {%s}}",
			name, w.name, spec), "apply", "-f", "-")
	}
}

// clear takes all policies of the town away.
func (w *town) clear(t *testing.T) {
	t.Helper()
	kubectl(t, "", "delete", "networkpolicy", "-n", w.name, "--all")
}

// label sets or takes away (nil) a label of the town's namespace.
func (w *town) label(t *testing.T, name string, value any) {
	t.Helper()
	text := "null"
	if value != nil {
		text = fmt.Sprintf("%q", value)
	}
	_, err := w.Kube.CoreV1().Namespaces().Patch(context.Background(), w.name, types.MergePatchType,
		[]byte(fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, name, text)), metav1.PatchOptions{})
	require.NoError(t, err)
}

// output is what a program of this machine prints in the network.
func (h *home) output(t *testing.T, name string, args ...string) (text string) {
	t.Helper()
	require.NoError(t, h.space.Do(func() error {
		out, err := exec.Command(name, args...).Output()
		text = string(out)
		return err
	}))
	return text
}
