package claims

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// recorded lets a new pod of the guest ask the hospital, kills its proxy in the middle of it, twice, deletes the pod, and
// looks for each request that was answered in the record on the node. The kubelet deletes the log of a proxy when the
// second one after it starts, and all logs with the pod.
func (w *World) recorded(ctx context.Context) (observed string, err error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	pod, err := w.startPod(ctx, barePod(pharmaSpace, "forgetful", guests[0].Spec.Containers[0].Image))
	if err != nil {
		return "", err
	}
	remove := func() error { return w.removePod(context.WithoutCancel(ctx), pod.Namespace, pod.Name) }
	answered, err := w.answeredUntilKilled(ctx, pod)
	if err := errors.Join(err, remove()); err != nil {
		return "", err
	}
	return until(ctx, func(ctx context.Context) (string, error) { return w.inRecord(ctx, pod, answered) })
}

// answeredUntilKilled returns the paths that a pod of the guest was asked for and answered, while its proxy was killed twice.
func (w *World) answeredUntilKilled(ctx context.Context, pod corev1.Pod) ([]string, error) {
	const kills, requests = 2, 5
	var answered []string
	before := pod
	for kill := range kills {
		if _, err := w.works(ctx, before); err != nil {
			return nil, err
		}
		for i := range requests {
			path := fmt.Sprintf("/results?kill=%d&request=%d", kill, i)
			if _, err := w.visit(ctx, "GET", "http://"+addresses(pod)[0].String()+":"+appPort+path); err != nil {
				return nil, err
			}
			answered = append(answered, path)
		}
		owner, err := proxyOwner(before)
		if err != nil {
			return nil, err
		}
		if err := killProxy(before); err != nil { // at once
			return nil, err
		}
		if _, err := until(ctx, func(ctx context.Context) (struct{}, error) {
			_, err := w.bound(ctx, before, owner)
			return struct{}{}, err
		}); err != nil {
			return nil, err
		}
		now, err := w.kube.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", pod.Name, err)
		}
		before = *now
	}
	return answered, nil
}

// inRecord looks for the paths in the record of the pod's node.
func (w *World) inRecord(ctx context.Context, pod corev1.Pod, paths []string) (string, error) {
	agent, err := w.agentOf(ctx, pod.Spec.NodeName)
	if err != nil {
		return "", err
	}
	text, err := w.run(ctx, "exec", "-n", apis.SystemNamespace, agent.Name, "--",
		"agent", "requests", "--pod", pod.Namespace+"/"+pod.Name, "--since", (10 * time.Minute).String(), "-o", "json")
	if err != nil {
		return "", err
	}
	found := map[string]bool{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		entry := struct {
			Log struct{ Path string }
			Gap json.RawMessage
		}{}
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			return "", fmt.Errorf("the record: %w: %s", err, tail(lines.Text()))
		}
		if entry.Gap != nil {
			return "", fmt.Errorf("the record has a gap: %s", entry.Gap)
		}
		found[entry.Log.Path] = true
	}
	for _, path := range paths {
		if !found[path] {
			return "", fmt.Errorf("%s was answered and is not in the record", path)
		}
	}
	return fmt.Sprintf("%d of %d, after two kills and without the pod and its logs", len(paths), len(paths)), nil
}
