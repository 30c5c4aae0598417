package claims

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/programs/agent"
)

// tamperings are what root of a node may do to a pod's network, with a backend of iptables.
func tamperings(backend string) [][]string {
	return [][]string{
		{"iptables-" + backend, "-I", "OUTPUT", "1", "-j", "ACCEPT"},
		{"ip6tables-" + backend, "-P", "OUTPUT", "ACCEPT"},
		{"iptables-" + backend, "-t", "mangle", "-F", "POSTROUTING"},
		{"nft", "add table inet theirs ; add chain inet theirs out { type filter hook output priority -500 ; policy accept ; }"},
		{"iptables-" + backend, "-t", "nat", "-F", "OUTPUT"},
	}
}

// tampered changes the rules of one of the guest's pods, as root of its node can, and measures how soon they are as before.
func (w *World) tampered(ctx context.Context) (string, error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	pod := guests[0]
	status, err := w.enforcedPod(ctx, pod)
	if err != nil {
		return "", err
	}
	space, err := PodNetwork(pod)
	if err != nil {
		return "", err
	}
	defer space.Close()
	before, err := allRules(ctx, space)
	if err != nil {
		return "", err
	}
	var took []time.Duration
	for _, command := range tamperings(status.Backend) {
		time.Sleep(2 * time.Second) // so that the agent has worked off the one before: it verifies a pod once a second in the long run
		one, err := repaired(ctx, space, command, before)
		if err != nil {
			return "", err
		}
		took = append(took, one)
	}
	slices.Sort(took)
	event, err := w.driftReported(ctx, pod)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %d as before, after %v in the median, %v at most; Event: %s", len(took), len(took),
		took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond), tail(event)), nil
}

// repaired runs a command that changes rules, and returns how long it takes until they are as before.
func repaired(ctx context.Context, space *netns.Namespace, command []string, before string) (time.Duration, error) {
	if err := space.Do(func() error { _, err := output(ctx, command[0], command[1:]...); return err }); err != nil {
		return 0, err
	}
	start := time.Now()
	for {
		now, err := allRules(ctx, space)
		if err == nil && now == before {
			return time.Since(start), nil
		}
		if err == nil {
			err = errors.New(tail(difference(before, now)))
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("after %s the rules are not as before: %w", strings.Join(command, " "), err)
		}
	}
}

// allRules reads the rules of a network namespace, and the names of all its tables of nftables, which the kernel lists by age.
func allRules(ctx context.Context, space *netns.Namespace) (string, error) {
	saved, err := rules(ctx, space)
	if err != nil {
		return "", err
	}
	var tables string
	err = space.Do(func() error { tables, err = output(ctx, "nft", "list", "tables"); return err })
	return saved + strings.Join(slices.Sorted(strings.Lines(tables)), ""), err
}

// driftReported returns the message of the agent's Event.
func (w *World) driftReported(ctx context.Context, pod corev1.Pod) (string, error) {
	return until(ctx, func(ctx context.Context) (string, error) {
		events, err := w.kube.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
			FieldSelector: "reason=" + agent.EventDriftRepaired + ",involvedObject.uid=" + string(pod.UID),
		})
		if err != nil {
			return "", fmt.Errorf("list the Events of %s: %w", pod.Name, err)
		}
		if len(events.Items) == 0 {
			return "", fmt.Errorf("no Event %s on %s", agent.EventDriftRepaired, pod.Name)
		}
		return events.Items[0].Message, nil
	})
}
