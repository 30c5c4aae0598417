//go:build api || bench

package webhook

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// restartAsDeployed runs the webhook with the environment that the manifest gives it.
func (w *world) restartAsDeployed(t *testing.T) {
	t.Helper()
	w.process.stop()
	command := w.command("--log-level=info")
	env, _, err := unstructured.NestedSlice(w.deployed(t), "env")
	require.NoError(t, err)
	command.Env = os.Environ()
	for _, variable := range env {
		command.Env = append(command.Env, fmt.Sprintf("%s=%s", variable.(map[string]any)["name"], variable.(map[string]any)["value"]))
	}
	w.process = launch(t, command)
	require.Eventually(t, func() bool { return w.ready() == http.StatusOK }, waitLong, waitStep, "the webhook is not ready:\n%s", w.process)
}

// deployed returns the webhook's container in the manifest.
func (w *world) deployed(t *testing.T) map[string]any {
	t.Helper()
	for _, object := range manifest(t, "webhook.yaml") {
		if object.GetKind() == "Deployment" {
			containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
			require.NoError(t, err)
			return containers[0].(map[string]any)
		}
	}
	t.Fatal("no Deployment in deploy/webhook.yaml")
	return nil
}

func (w *world) memoryLimit(t *testing.T) int64 {
	t.Helper()
	text, _, err := unstructured.NestedString(w.deployed(t), "resources", "limits", "memory")
	require.NoError(t, err)
	limit := resource.MustParse(text)
	return limit.Value()
}

// peakMemory returns the largest resident size that the webhook has had.
func (w *world) peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.process.command.Process.Pid))
	require.NoError(t, err)
	var kibibytes int64
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM:") {
			_, err = fmt.Sscanf(line, "VmHWM: %d kB", &kibibytes)
			require.NoError(t, err)
		}
	}
	require.NotZero(t, kibibytes)
	return kibibytes << 10
}
