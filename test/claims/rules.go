package claims

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/effects/netns"
)

// savers print all rules of a network namespace, by family and backend; both backends can hold rules at a time.
func savers() []string {
	return []string{"iptables-nft-save", "iptables-legacy-save", "ip6tables-nft-save", "ip6tables-legacy-save"}
}

// What differs between two prints of the same rules: packet counters, and the comments with the time of the print.
var volatile = regexp.MustCompile(`(?m)\[\d+:\d+\]|^#.*\n`)

// rules reads every rule of a network namespace with the machine's own iptables.
func rules(ctx context.Context, space *netns.Namespace) (string, error) {
	all := strings.Builder{}
	err := space.Do(func() error {
		for _, saver := range savers() {
			text, err := output(ctx, saver)
			if err != nil {
				return err
			}
			all.WriteString("== " + saver + "\n" + volatile.ReplaceAllString(text, ""))
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
	space, err := PodNetwork(pod)
	if err != nil {
		return "", err
	}
	defer space.Close()
	return rules(ctx, space)
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
