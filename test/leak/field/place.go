package field

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Place puts a program into a container of a pod and returns its path there.
func Place(pod corev1.Pod, container, file string) (string, error) {
	pid, err := process(pod, container)
	if err != nil {
		return "", err
	}
	const path = "/leak-program"
	return path, put(file, fmt.Sprintf("/proc/%d/root%s", pid, path))
}

// Run runs a command in a container.
func (c *Cluster) Run(ctx context.Context, pod corev1.Pod, container string, words ...string) (string, error) {
	args := append([]string{"exec", "-n", pod.Namespace, pod.Name, "-c", container, "--"}, words...)
	out, err := exec.CommandContext(ctx, c.Kubectl, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s in %s: %w: %s", strings.Join(words, " "), pod.Name, err, bytes.TrimSpace(out))
	}
	return string(out), err
}

// Keep runs a command in a container until stop is called: it must end when its input does.
func (c *Cluster) Keep(ctx context.Context, pod corev1.Pod, container string, words ...string) (stop func(), err error) {
	args := append([]string{"exec", "-i", "-n", pod.Namespace, pod.Name, "-c", container, "--"}, words...)
	command := exec.CommandContext(ctx, c.Kubectl, args...)
	input, output := io.Pipe()
	command.Stdin, command.Stderr = input, os.Stderr
	if err := command.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = output.Close()
		_ = command.Wait()
	}, nil
}
