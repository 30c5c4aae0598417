package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/effects/netns"
)

// savers print all rules of a network namespace, by family and backend; both backends can hold rules at a time.
func savers() []string {
	return []string{"iptables-nft-save", "iptables-legacy-save", "ip6tables-nft-save", "ip6tables-legacy-save"}
}

// What differs between two prints of the same rules: packet counters, and the comments with the time of the print.
var volatile = regexp.MustCompile(`(?m)\[\d+:\d+\]|^#.*\n`) //nolint:gochecknoglobals // a constant in all but name

// rules reads every rule of a network namespace with the machine's own iptables.
func rules(ctx context.Context, space *netns.Namespace) (string, error) {
	all := strings.Builder{}
	err := space.Do(func() error {
		for _, saver := range savers() {
			stdout, stderr := &bytes.Buffer{}, &bytes.Buffer{}
			command := exec.CommandContext(ctx, saver) //nolint:gosec // one of savers()
			command.Stdout, command.Stderr = stdout, stderr
			if err := command.Run(); err != nil {
				return fmt.Errorf("%s: %w: %s", saver, err, tail(stderr.String()))
			}
			all.WriteString("== " + saver + "\n" + volatile.ReplaceAllString(stdout.String(), ""))
		}
		return nil
	})
	return all.String(), err
}

// ruleLines counts the rules and own chains in a print of rules.
func ruleLines(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "-A ") || strings.HasPrefix(line, ":") && strings.Contains(line, " - ") {
			n++
		}
	}
	return n
}

// untouched reads the rules in the namespaces of all pods that are not the guest's.
func (w *World) untouched(ctx context.Context) (string, error) {
	checked := 0
	for _, namespace := range []string{hospitalSpace, restrictedSpace} {
		pods, err := w.pods(ctx, namespace, "")
		if err != nil {
			return "", err
		}
		for _, pod := range pods {
			text, err := podRules(ctx, pod)
			if err != nil {
				return "", err
			}
			if n := ruleLines(text); n > 0 {
				return "", fmt.Errorf("%s/%s holds %d rules: %s", namespace, pod.Name, n, tail(text))
			}
			checked++
		}
	}
	return fmt.Sprintf("%d pods, 0 rules", checked), nil
}

func podRules(ctx context.Context, pod corev1.Pod) (string, error) {
	space, err := podNetwork(pod)
	if err != nil {
		return "", err
	}
	defer space.Close() //nolint:errcheck // read-only file
	return rules(ctx, space)
}

// nodeRules reads the rules of each node that runs one of the guest's pods.
func (w *World) nodeRules(ctx context.Context, nodes []string) (map[string]string, error) {
	found := map[string]string{}
	for _, node := range nodes {
		space, err := w.nodeNetwork(ctx, node)
		if err != nil {
			return nil, err
		}
		found[node], err = rules(ctx, space)
		_ = space.Close()
		if err != nil {
			return nil, fmt.Errorf("rules of node %s: %w", node, err)
		}
	}
	return found, nil
}

// nodesKept lets both agents enforce a new pod of the guest, and compares the nodes' own rules before, while it runs
// and after it has gone. The new pods belong to no Service, so that kube-proxy has nothing to change.
func (w *World) nodesKept(ctx context.Context) (observed string, err error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	nodes := []string{}
	for _, guest := range guests {
		nodes = append(nodes, guest.Spec.NodeName)
	}
	before, err := w.nodeRules(ctx, nodes)
	if err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, w.removeNewcomers(context.WithoutCancel(ctx), guests))
	}()
	for _, guest := range guests {
		if err := w.enforceNewcomer(ctx, guest); err != nil {
			return "", err
		}
	}
	while, err := w.nodeRules(ctx, nodes)
	if err != nil {
		return "", err
	}
	if err := w.removeNewcomers(ctx, guests); err != nil {
		return "", err
	}
	after, err := w.nodeRules(ctx, nodes)
	if err != nil {
		return "", err
	}
	lines := []string{}
	for _, node := range nodes {
		if before[node] != while[node] || before[node] != after[node] {
			return "", fmt.Errorf("%s: %s", node, tail(difference(before[node], while[node])+difference(before[node], after[node])))
		}
		lines = append(lines, fmt.Sprintf("%s: %d rules, %d bytes, three times the same", node, ruleLines(before[node]), len(before[node])))
	}
	return strings.Join(lines, "; "), nil
}

func newcomer(guest corev1.Pod) string { return "newcomer-" + guest.Spec.NodeName }

// enforceNewcomer starts a pod of the guest next to another and waits until the agent there has enforced it.
func (w *World) enforceNewcomer(ctx context.Context, guest corev1.Pod) error {
	grace := int64(0)
	token := false
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: newcomer(guest), Namespace: pharmaSpace, Labels: map[string]string{"app": "newcomer"}},
		Spec: corev1.PodSpec{
			NodeSelector:                  map[string]string{corev1.LabelHostname: guest.Spec.NodeName},
			TerminationGracePeriodSeconds: &grace,
			AutomountServiceAccountToken:  &token,
			Containers: []corev1.Container{{
				Name: appContainer, Image: guest.Spec.Containers[0].Image, ImagePullPolicy: corev1.PullIfNotPresent,
			}},
		},
	}
	if _, err := w.kube.CoreV1().Pods(pharmaSpace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("start %s: %w", pod.Name, err)
	}
	_, err := until(ctx, func(ctx context.Context) (any, error) {
		made, err := w.kube.CoreV1().Pods(pharmaSpace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", pod.Name, err)
		}
		if made.Spec.NodeName == "" {
			return nil, fmt.Errorf("%s has no node yet", pod.Name)
		}
		return w.enforcedPod(ctx, *made)
	})
	return err
}

// removeNewcomers deletes the pods that nodesKept made, and waits until they have gone.
func (w *World) removeNewcomers(ctx context.Context, guests []corev1.Pod) error {
	failed := error(nil)
	for _, guest := range guests {
		_, err := w.run(ctx, "delete", "pod", "-n", pharmaSpace, newcomer(guest), "--ignore-not-found", "--wait", "--timeout=30s")
		failed = errors.Join(failed, err)
	}
	return failed
}

// difference lists the lines that only one of two texts has.
func difference(before, after string) string {
	text := strings.Builder{}
	for _, side := range []struct{ mark, of, in string }{{"-", before, after}, {"+", after, before}} {
		other := map[string]bool{}
		for line := range strings.Lines(side.in) {
			other[line] = true
		}
		for line := range strings.Lines(side.of) {
			if !other[line] {
				text.WriteString(side.mark + line)
			}
		}
	}
	return text.String()
}
