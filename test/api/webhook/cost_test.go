//go:build bench

package webhook

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/seccomp"
	"data-space.liqo.io/test/kit"
)

// The creation of a pod in a guest's namespace takes at most so many times what it takes with a webhook that does nothing.
const maxRatio = 1.5

// Rounds of each kind of namespace follow each other, so that all of them meet the same machine.
const (
	costRounds = 10
	costPods   = 120 // in a round
)

// payer is a kind of namespace and what the creation of pods there has cost.
type payer struct {
	name, namespace string
	webhook         int // the process that is called for its pods, 0: none
	took            []time.Duration
	cpu             map[string]time.Duration
}

func TestWhatAPodCosts(t *testing.T) {
	w := newWorld(t)
	w.restartAsDeployed(t)
	noop, _ := w.noop(t)
	w.exemptFromPolicy(t)
	for _, concurrency := range []int{8, 1} {
		all := []*payer{
			{name: "no webhook", namespace: w.namespace(t, nil)},
			{name: "a webhook that does nothing", namespace: w.namespace(t, map[string]string{labelNoop: "true"}), webhook: noop},
			{name: "the same patch unjudged, one call", namespace: w.namespace(t, map[string]string{labelOnce: "true"}), webhook: noop},
			{name: "the same patch unjudged, two calls", namespace: w.namespace(t, map[string]string{labelFixed: "true"}), webhook: noop},
			{name: "ours, without the policy", namespace: w.foreign(t, labelUnpoliced, "true"), webhook: w.process.command.Process.Pid},
			{name: "ours", namespace: w.foreign(t), webhook: w.process.command.Process.Pid},
		}
		for round := range costRounds + 1 {
			// In a fixed order the cycles of the API server's garbage collector fall on the same kinds again and again.
			for _, i := range rand.Perm(len(all)) {
				w.pay(t, all[i], concurrency, round > 0)
			}
		}
		report(t, concurrency, all)
	}
}

// pay creates the pods of one round. The first round of each is not counted: connections are made in it.
func (w *world) pay(t *testing.T, p *payer, concurrency int, counted bool) {
	t.Helper()
	config := rest.CopyConfig(w.Config)
	config.QPS = -1
	creator, err := client.New(config, client.Options{})
	require.NoError(t, err)
	pids := map[string]int{"kube-apiserver": child(t, "kube-apiserver"), "etcd": child(t, "etcd"), "webhook": p.webhook, "client": os.Getpid()}
	before := map[string]time.Duration{}
	for name, pid := range pids {
		before[name] = busy(t, pid)
	}
	took := make([]time.Duration, costPods)
	names := make(chan int, costPods)
	for i := range costPods {
		names <- i
	}
	close(names)
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(func() {
			for i := range names {
				one := ordinaryPod(p.namespace, fmt.Sprintf("pod-%d", i))
				began := time.Now()
				if err := creator.Create(t.Context(), one); err != nil {
					t.Errorf("%s: %v", p.name, err)
				}
				took[i] = time.Since(began)
			}
		})
	}
	workers.Wait()
	if counted {
		p.took = append(p.took, took...)
		if p.cpu == nil {
			p.cpu = map[string]time.Duration{}
		}
		for name, pid := range pids {
			p.cpu[name] += busy(t, pid) - before[name]
		}
	}
	require.NoError(t, creator.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace(p.namespace), client.GracePeriodSeconds(0)))
}

// report logs the table, and fails where ours, which is the last, is above the bar.
func report(t *testing.T, concurrency int, all []*payer) {
	t.Helper()
	for _, p := range all {
		slices.Sort(p.took)
	}
	bar := all[1]
	for _, p := range all {
		each := func(name string) float64 { return float64(p.cpu[name].Microseconds()) / 1000 / float64(len(p.took)) }
		t.Logf("concurrency %d  %-34s median %6.2f ms (x %.2f)  p99 %6.2f ms (x %.2f)  CPU a pod: %5.2f ms (webhook %.2f, API server %.2f, etcd %.2f, client %.2f)",
			concurrency, p.name, milliseconds(p.percentile(50)), p.times(bar, 50), milliseconds(p.percentile(99)), p.times(bar, 99),
			each("webhook")+each("kube-apiserver")+each("etcd")+each("client"), each("webhook"), each("kube-apiserver"), each("etcd"), each("client"))
	}
	ours := all[len(all)-1]
	if median, tail := ours.times(bar, 50), ours.times(bar, 99); math.Max(median, tail) > maxRatio {
		t.Errorf("concurrency %d: ours takes %.2f times the median and %.2f times the p99 of %s; the bar is %.2f", concurrency, median, tail, bar.name, maxRatio)
	}
}

// percentile returns the time within which so many of a hundred creations ended.
func (p *payer) percentile(percent int) time.Duration { return p.took[len(p.took)*percent/100] }

func (p *payer) times(bar *payer, percent int) float64 {
	return float64(p.percentile(percent)) / float64(bar.percentile(percent))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// ordinaryPod is what people's workloads are like.
func ordinaryPod(namespace, name string) *corev1.Pod {
	port := intstr.FromInt32(8080)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app.kubernetes.io/name": "study"}},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "app", Image: "pharma-app:dev", Args: []string{"--study", "17"}, Ports: []corev1.ContainerPort{{ContainerPort: port.IntVal}},
				Env:            []corev1.EnvVar{{Name: "HOSPITAL", Value: "http://hospital.hospital-space/patients"}, {Name: "LEVEL", Value: "info"}},
				Resources:      corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}},
				ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: port}}},
				VolumeMounts:   []corev1.VolumeMount{{Name: "results", MountPath: "/results"}},
			}},
			Volumes: []corev1.Volume{{Name: "results", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		},
	}
}

// Labels of namespaces whose pods go through the webhook that does nothing, and through the one that injects what ours does, by one call
// and by two.
const labelNoop, labelOnce, labelFixed = "noop", "once", "fixed"

// labelUnpoliced exempts a guest's namespace from the policy for pods, to show what it costs.
const labelUnpoliced = "unpoliced"

func (w *world) exemptFromPolicy(t *testing.T) {
	t.Helper()
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: "data-space-pods"}, binding))
	selector := binding.Spec.MatchResources.NamespaceSelector
	selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{Key: labelUnpoliced, Operator: metav1.LabelSelectorOpDoesNotExist})
	require.NoError(t, w.client.Update(t.Context(), binding))
}

// noop starts the webhook that judges nothing, and returns its process and where it answers.
func (w *world) noop(t *testing.T) (int, string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "noop")
	output, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", binary, "./noop").CombinedOutput()
	require.NoError(t, err, "%s", output)
	crt, key, err := cert.GenerateSelfSignedCertKey("localhost", nil, nil)
	require.NoError(t, err)
	dir, port := t.TempDir(), int(kit.FreeAddress(t).Port())
	patch := filepath.Join(dir, "patch")
	require.NoError(t, os.WriteFile(patch, fixedPatch(t), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, corev1.TLSCertKey), crt, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, corev1.TLSPrivateKeyKey), key, 0o600))
	process := launch(t, exec.Command(binary, fmt.Sprintf("--port=%d", port), "--cert-dir="+dir, "--patch="+patch))
	t.Cleanup(process.stop)
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", fmt.Sprintf("localhost:%d", port))
		if err == nil {
			connection.Close()
		}
		return err == nil
	}, waitLong, waitStep, "%s", process)

	at := func(path string) admissionregistrationv1.WebhookClientConfig {
		url := fmt.Sprintf("https://localhost:%d%s", port, path)
		return admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: crt}
	}
	again := admissionregistrationv1.IfNeededReinvocationPolicy
	mutating := func(label, path string) admissionregistrationv1.MutatingWebhook {
		h := validating(label, at(path))
		return admissionregistrationv1.MutatingWebhook{
			Name: h.Name, AdmissionReviewVersions: h.AdmissionReviewVersions, FailurePolicy: h.FailurePolicy, SideEffects: h.SideEffects,
			ClientConfig: h.ClientConfig, Rules: h.Rules, NamespaceSelector: h.NamespaceSelector, ReinvocationPolicy: &again,
		}
	}
	w.create(t, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "noop"},
		Webhooks:   []admissionregistrationv1.MutatingWebhook{mutating(labelNoop, "/"), mutating(labelOnce, "/inject"), mutating(labelFixed, "/inject")},
	})
	w.create(t, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "noop"}, Webhooks: []admissionregistrationv1.ValidatingWebhook{validating(labelFixed, at("/"))},
	})
	return process.command.Process.Pid, fmt.Sprintf("https://localhost:%d/", port)
}

// validating returns a webhook for pods of namespaces with a label.
func validating(label string, at admissionregistrationv1.WebhookClientConfig) admissionregistrationv1.ValidatingWebhook {
	fail, none := admissionregistrationv1.Fail, admissionregistrationv1.SideEffectClassNone
	return admissionregistrationv1.ValidatingWebhook{
		Name: label + ".example.com", AdmissionReviewVersions: []string{"v1"}, FailurePolicy: &fail, SideEffects: &none, ClientConfig: at,
		Rules: []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{label: "true"}},
	}
}

// fixedPatch is what our webhook answers for an ordinary pod, after the API server's own plugins have seen the pod.
func fixedPatch(t *testing.T) []byte {
	t.Helper()
	value, usual := int32(-1), int32(0)
	p := ordinaryPod("", "")
	p.Spec.SecurityContext, p.Spec.Priority = &corev1.PodSecurityContext{}, &usual
	profile, err := seccomp.Name()
	require.NoError(t, err)
	settings := inject.Settings{
		Image: envoyImage, Guest: "pharma", GuestPriority: &value, SeccompProfile: profile, Module: true,
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
	}
	result, problems := inject.Inject(p, settings)
	require.Empty(t, problems)
	patch, err := json.Marshal(result.Patch)
	require.NoError(t, err)
	return patch
}

// child returns the process with this name that this one has started.
func child(t *testing.T, name string) int {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), "("+name+")") {
			continue
		}
		if fields := statOf(string(text)); fields[1] == strconv.Itoa(os.Getpid()) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			require.NoError(t, err)
			return pid
		}
	}
	t.Fatalf("no process %s is running", name)
	return 0
}

// statOf returns the fields of a process's status from its state on (proc_pid_stat(5)).
func statOf(text string) []string {
	_, rest, _ := strings.Cut(text, ") ")
	return strings.Fields(rest)
}

// busy returns the CPU time that a process has used, 0 for no process.
func busy(t *testing.T, pid int) time.Duration {
	t.Helper()
	if pid == 0 {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	var ticks int
	for _, field := range statOf(string(text))[11:13] {
		v, err := strconv.Atoi(field)
		require.NoError(t, err)
		ticks += v
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
