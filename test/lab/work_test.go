//go:build lab

package lab

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/leak/field"
	"data-space.liqo.io/test/leak/ordinary"
)

const (
	guestSpace, ownSpace = "pharma-space", "hospital-space"
	worker               = "worker"
	programPath          = "/leak-program"
)

// build makes a static program of the tests.
func build(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	command := exec.Command("go", "build", "-o", file, "data-space.liqo.io/test/leak/"+name)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return file
}

// workers are a pod of the guest, with a container for each kind of probe, and a pod of the Hospital.
type workers struct {
	*field.Cluster
	guest, own corev1.Pod
}

// probed are containers, each with a probe of another kind, by which it is named.
func probed() (containers []corev1.Container) {
	for name, probe := range map[string]corev1.ProbeHandler{
		"exec": {Exec: &corev1.ExecAction{Command: []string{programPath, "call", "dial", "127.0.0.1"}}},
		"http": {HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt(ordinary.PortHTTP)}},
		"tcp":  {TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt(ordinary.PortEcho)}},
		"grpc": {GRPC: &corev1.GRPCAction{Port: ordinary.PortGRPC}},
	} {
		containers = append(containers, corev1.Container{Name: name, ReadinessProbe: &corev1.Probe{ProbeHandler: probe, PeriodSeconds: 1, FailureThreshold: 1}})
	}
	return containers
}

func newWorkers(t *testing.T) *workers {
	t.Helper()
	deployed(t)
	cluster, err := field.Open()
	require.NoError(t, err)
	w := &workers{Cluster: cluster}
	w.guest, w.own = w.pod(t, guestSpace, probed()), w.pod(t, ownSpace, []corev1.Container{{Name: "exec"}})
	w.place(t, w.guest, w.own)
	return w
}

// place puts the worker's program into every container of the pods.
func (w *workers) place(t *testing.T, pods ...corev1.Pod) {
	t.Helper()
	program := build(t, worker)
	for _, pod := range pods {
		for _, c := range pod.Spec.Containers {
			path, err := field.Place(pod, c.Name, program)
			require.NoError(t, err)
			require.Equal(t, programPath, path)
		}
	}
}

// pod starts a pod, and a Service and a headless one for it.
func (w *workers) pod(t *testing.T, namespace string, containers []corev1.Container) corev1.Pod {
	t.Helper()
	ctx, grace, token, dual := context.Background(), int64(0), false, corev1.IPFamilyPolicyPreferDualStack
	for i := range containers {
		containers[i].Image, containers[i].ImagePullPolicy = "docker.io/data-spacer/pause:dev", corev1.PullIfNotPresent
	}
	meta := metav1.ObjectMeta{Name: worker, Namespace: namespace, Labels: map[string]string{"app": worker}}
	pods, services := w.Kube.CoreV1().Pods(namespace), w.Kube.CoreV1().Services(namespace)
	_, err := pods.Create(ctx, &corev1.Pod{ObjectMeta: meta, Spec: corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace, AutomountServiceAccountToken: &token, Containers: containers,
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = pods.Delete(ctx, worker, metav1.DeleteOptions{}) })
	for name, ip := range map[string]string{worker: "", worker + "-headless": corev1.ClusterIPNone} {
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Spec: corev1.ServiceSpec{
			ClusterIP: ip, Selector: meta.Labels, IPFamilyPolicy: &dual, PublishNotReadyAddresses: true,
		}}
		for _, port := range []int32{ordinary.PortHTTP, ordinary.PortEcho, ordinary.PortGRPC} {
			service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{Name: fmt.Sprint("p", port), Port: port})
		}
		_, err := services.Create(ctx, service, metav1.CreateOptions{})
		require.NoError(t, err)
		t.Cleanup(func() { _ = services.Delete(ctx, name, metav1.DeleteOptions{}) })
	}
	var now *corev1.Pod
	require.Eventually(t, func() bool {
		now, err = pods.Get(ctx, worker, metav1.GetOptions{})
		if err != nil || now.Status.Phase != corev1.PodRunning {
			return false
		}
		for _, s := range now.Status.ContainerStatuses {
			if s.State.Running == nil {
				return false
			}
		}
		return true
	}, time.Minute, 200*time.Millisecond, "%s starts", namespace)
	return *now
}

// ready says of which of the pod's containers the kubelet's probe succeeds.
func (w *workers) ready(t *testing.T, pod corev1.Pod) map[string]bool {
	t.Helper()
	now, err := w.Kube.CoreV1().Pods(pod.Namespace).Get(context.Background(), pod.Name, metav1.GetOptions{})
	require.NoError(t, err)
	found := map[string]bool{}
	for _, s := range now.Status.ContainerStatuses {
		found[s.Name] = s.Ready
	}
	return found
}

func (w *workers) requireProbes(t *testing.T, pod corev1.Pod, succeed bool) {
	t.Helper()
	want := map[string]bool{"exec": succeed, "http": succeed, "tcp": succeed, "grpc": succeed}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && fmt.Sprint(want) != fmt.Sprint(w.ready(t, pod)); {
		time.Sleep(200 * time.Millisecond)
	}
	time.Sleep(2 * time.Second) // and it stays so
	require.Equal(t, want, w.ready(t, pod), "container by kind of probe: ready")
}

// TestOrdinaryWorkGoesOn: the rules that stop everything else let applications, and the kubelet, do what they do.
func TestOrdinaryWorkGoesOn(t *testing.T) {
	w, ctx := newWorkers(t), context.Background()
	t.Run("the kubelet's probes of all kinds fail while the application is down", func(t *testing.T) { w.requireProbes(t, w.guest, false) })
	stop, err := w.Keep(ctx, w.guest, "exec", programPath, "serve")
	require.NoError(t, err)
	stopOwn, err := w.Keep(ctx, w.own, "exec", programPath, "serve")
	require.NoError(t, err)
	defer stopOwn()
	t.Run("and succeed while it is up", func(t *testing.T) { w.requireProbes(t, w.guest, true) })
	t.Run("they are in the record, and in sight for those who ask for them only", w.probesAreMarked)
	calls := map[string]struct{ from, to corev1.Pod }{"out of the guest's pod": {w.guest, w.own}, "into it": {w.own, w.guest}, "to itself": {w.guest, w.guest}}
	for name, call := range calls {
		for _, kind := range ordinary.Kinds() {
			t.Run(kind+" "+name, func(t *testing.T) {
				_, err := w.Run(ctx, call.from, "exec", programPath, "call", kind, call.to.Status.PodIP)
				require.NoError(t, err)
			})
		}
		for _, host := range []string{worker, worker + "-headless"} {
			t.Run("get "+name+" by the Service "+host, func(t *testing.T) {
				_, err := w.Run(ctx, call.from, "exec", programPath, "call", "get", host+"."+call.to.Namespace+".svc.cluster.local")
				require.NoError(t, err)
			})
		}
		for _, ip := range call.to.Status.PodIPs[1:] {
			t.Run("get "+name+" over the other family", func(t *testing.T) {
				_, err := w.Run(ctx, call.from, "exec", programPath, "call", "get", ip.IP)
				require.NoError(t, err)
			})
		}
	}
	t.Run("kubectl port-forward reaches the application", w.forwards)
	stop()
	t.Run("and the probes fail again when it has ended", func(t *testing.T) { w.requireProbes(t, w.guest, false) })
}

func (w *workers) probesAreMarked(t *testing.T) {
	agents, err := w.Kube.CoreV1().Pods(apis.SystemNamespace).List(t.Context(), metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/name=data-space-agent", FieldSelector: "spec.nodeName=" + w.guest.Spec.NodeName,
	})
	require.NoError(t, err)
	require.Len(t, agents.Items, 1)
	recorded := func(more ...string) string {
		return kubectl(t, "", append([]string{"exec", "-n", apis.SystemNamespace, agents.Items[0].Name, "--",
			"agent", "requests", "-o", "json", "--pod", guestSpace + "/" + worker}, more...)...)
	}
	const mark = `"probe":true`
	marked := func(port int) bool {
		at := fmt.Sprintf(":%d\"", port)
		return slices.ContainsFunc(strings.Split(recorded("--probes"), "\n"), func(line string) bool { return strings.Contains(line, mark) && strings.Contains(line, at) })
	}
	for _, port := range []int{ordinary.PortHTTP, ordinary.PortEcho, ordinary.PortGRPC} { // of each kind of probe that calls a port
		for end := time.Now().Add(2 * time.Minute); !marked(port); time.Sleep(time.Second) {
			require.True(t, time.Now().Before(end), "no probe of port %d is marked", port)
		}
	}
	require.NotContains(t, recorded(), mark)
}

func (w *workers) forwards(t *testing.T) {
	command := exec.Command(w.Kubectl, "port-forward", "-n", guestSpace, worker, fmt.Sprintf("19001:%d", ordinary.PortHTTP))
	require.NoError(t, command.Start())
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	require.Eventually(t, func() bool {
		response, err := http.Get("http://127.0.0.1:19001/healthz")
		if err != nil {
			return false
		}
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, 20*time.Second, 200*time.Millisecond)
}
