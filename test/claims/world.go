package claims

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/values/apis"
)

// Names of demo/manifests.
const (
	hospitalSpace   = "hospital-space"
	restrictedSpace = "restricted-space"
	pharmaSpace     = "pharma-space"

	visitor          = "visitor"
	appContainer     = "pharma"
	appPort          = "8080"
	hospitalPatients = 10
)

// World is the cluster that the claims are about. Needs root on the machine that runs the nodes: what a pod's network
// really does is seen from there.
type World struct {
	kube    kubernetes.Interface
	agents  *agentexec.Cluster // as "kubectl dataspace" asks them
	kubectl string
	root    string // the repository
	say     func(format string, args ...any)
}

// Open connects by $KUBECONFIG; $KUBECTL names the kubectl to use. Progress goes to say, one line a call.
func Open(root string, say func(format string, args ...any)) (*World, error) {
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		return nil, errors.New("KUBECONFIG is not set: run this inside the lab, go run ./test/cluster exec -- go run ./demo/walkthrough")
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fmt.Errorf("read KUBECONFIG %s: %w", path, err)
	}
	config.QPS, config.Burst = 50, 100
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect by KUBECONFIG %s: %w", path, err)
	}
	agents, err := agentexec.New(config, apis.SystemNamespace)
	if err != nil {
		return nil, err
	}
	kubectl := os.Getenv("KUBECTL")
	if kubectl == "" {
		kubectl = "kubectl"
	}
	if _, err := kube.Discovery().ServerVersion(); err != nil {
		return nil, fmt.Errorf("the cluster does not answer (is the lab up? go run ./test/cluster up): %w", err)
	}
	return &World{kube: kube, agents: agents, kubectl: kubectl, root: root, say: say}, nil
}

// run starts kubectl and returns what it prints; the error carries its complaint.
func (w *World) run(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, w.kubectl, args...)
	command.Dir = w.root
	stdout, stderr := &bytes.Buffer{}, &bytes.Buffer{}
	command.Stdout, command.Stderr = stdout, stderr
	if err := command.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s%s", strings.Join(args[:min(len(args), 5)], " "), err,
			tail(stderr.String()), tail(stdout.String()))
	}
	return stdout.String(), nil
}

// exec runs a command in a container.
func (w *World) exec(ctx context.Context, namespace, pod, container string, command ...string) (string, error) {
	return w.run(ctx, append([]string{"exec", "-n", namespace, pod, "-c", container, "--"}, command...)...)
}

// visit asks a URL from the visitor's pod, as someone of the Hospital would.
func (w *World) visit(ctx context.Context, method, url string) (string, error) {
	return w.exec(ctx, hospitalSpace, visitor, visitor, "hospital-app", "get", "-X", method, url)
}

// tail keeps the end of a long complaint, on one line.
func tail(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 400 {
		text = "…" + text[len(text)-400:]
	}
	return text
}
