package agentexec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	"data-space.liqo.io/pkg/values/fact"
)

// Stream runs "agent ARGS…" in an agent's pod and writes what it prints to stdout while it runs. The error has the command's
// stderr, cut at 4 KiB.
func (c *Cluster) Stream(ctx context.Context, a Agent, stdout io.Writer, args ...string) error {
	request := c.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(c.namespace).Name(a.Pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: append([]string{program}, args...), Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := c.executor(request.URL())
	if err != nil {
		return err
	}
	complaint := limited{left: mostComplaint}
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: stdout, Stderr: &complaint})
	if err == nil {
		return nil
	}
	var ended exec.CodeExitError
	if errors.As(err, &ended) && len(complaint.kept) == 0 {
		return statusError{Status: ended.Code}
	}
	if said := strings.TrimSpace(string(complaint.kept)); said != "" {
		return fmt.Errorf("agent of node %s: %s", a.Node, fact.Printable(said, mostComplaint))
	}
	return fmt.Errorf("run a command in pod %s of node %s: %w", a.Pod, a.Node, err)
}

// executor speaks WebSocket as kubectl does, and SPDY with an API server before Kubernetes 1.31, or a proxy that does not pass
// WebSocket on.
func (c *Cluster) executor(to *url.URL) (remotecommand.Executor, error) {
	spdy, err := remotecommand.NewSPDYExecutor(c.config, "POST", to)
	if err != nil {
		return nil, err
	}
	websocket, err := remotecommand.NewWebSocketExecutor(c.config, "GET", to.String())
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(websocket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
}

// statusError is the error of a command that ended with a status and printed no complaint: the status is the answer.
type statusError struct{ Status int }

// Error implements error.
func (e statusError) Error() string {
	return fmt.Sprintf("the agent's command ended with status %d", e.Status)
}

// limited keeps the first bytes that are written to it.
type limited struct {
	kept []byte
	left int
}

// Write implements io.Writer. It never fails: the sender shall be able to end.
func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.kept, l.left = append(l.kept, p[:n]...), l.left-n
	return len(p), nil
}
