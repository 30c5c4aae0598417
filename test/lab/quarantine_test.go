//go:build lab

package lab

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// early is a pod as people write it: with the runtime's default capabilities, NET_RAW among them.
const early = `apiVersion: v1
kind: Pod
metadata: {name: early, namespace: early-space}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: docker.io/data-spacer/hospital-app:dev
    imagePullPolicy: IfNotPresent
    readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 1}
    livenessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 2}
`

// TestAPodThatRanBeforeTheLabelIsQuarantined: it reaches nobody any more, the kubelet finds it well all the while, and the pod
// says why and what to do.
func TestAPodThatRanBeforeTheLabelIsQuarantined(t *testing.T) {
	deployed(t)
	kubectl(t, "", "create", "namespace", "early-space")
	t.Cleanup(func() { kubectl(t, "", "delete", "namespace", "early-space", "--wait=false") })
	kubectl(t, early, "apply", "-f", "-")
	kubectl(t, "", "wait", "-n", "early-space", "pod/early", "--for=condition=Ready", "--timeout=180s")
	call := []string{"exec", "-n", "early-space", "early", "--", "hospital-app", "get", "http://hospital.hospital-space/patients"}
	require.Contains(t, kubectl(t, "", call...), "Ada", "there is no label yet")

	kubectl(t, "", "label", "namespace", "early-space", "liqo.io/remote-cluster-id=pharma-1")
	kubectl(t, "", "wait", "-n", "early-space", "pod/early", "--for=condition=data-space.liqo.io/Quarantined", "--timeout=180s")
	var events string
	require.Eventually(t, func() bool { // it may come after the condition
		events = kubectl(t, "", "get", "events", "-n", "early-space", "--field-selector=reason=Quarantined", "-o", "jsonpath={.items[*].message}")
		return events != ""
	}, time.Minute, 200*time.Millisecond)
	for _, part := range []string{"NET_RAW", "it has no container data-space-proxy", "create the pod again"} {
		require.Contains(t, events, part)
	}
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		state := kubectl(t, "", "get", "pod", "-n", "early-space", "early", "-o", "jsonpath={.status.containerStatuses[0].ready} {.status.containerStatuses[0].restartCount}")
		require.Equal(t, "true 0", strings.TrimSpace(state), "the kubelet's probes are answered")
	}
	out, err := exec.CommandContext(t.Context(), os.Getenv("KUBECTL"), call...).CombinedOutput()
	require.Error(t, err, string(out))
	require.NotContains(t, string(out), "Ada")
}
