package claims

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/programs/kubectlplugin"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

// rewritten has a witness cosign the logs of all nodes. Then it writes the log of one node again as root of that node can, as a whole and with the node's own
// key, and waits until the witness has refused it. Afterwards the log is the one that it was.
func (w *World) rewritten(ctx context.Context) (observed string, err error) {
	other, err := w.otherParty(ctx)
	if err != nil {
		return "", err
	}
	defer func() {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		defer cancel()
		err = errors.Join(err, w.askWitness(after, ""), other.close())
	}()
	if err := w.askWitness(ctx, other.argument()); err != nil {
		return "", err
	}
	agents, err := w.pods(ctx, apis.SystemNamespace, "app.kubernetes.io/name="+agentName)
	if err != nil {
		return "", err
	}
	lines := int64(0)
	for _, agent := range agents { // the control
		known, err := until(ctx, func(ctx context.Context) (agentapi.Witnessed, error) { return w.cosigned(ctx, agent.Spec.NodeName) })
		if err != nil {
			return "", err
		}
		lines = known.Lines
	}
	node := agents[len(agents)-1].Spec.NodeName
	if _, err := until(ctx, func(ctx context.Context) (any, error) { return nil, w.verifiedOnce(ctx, nil) }); err != nil {
		return "", fmt.Errorf("before the log is rewritten: %w", err)
	}
	if err := w.swapLog(ctx, node, rewrite); err != nil {
		return "", err
	}
	defer func() {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		defer cancel()
		err = errors.Join(err, w.swapLog(after, node, restore))
	}()
	problem, err := until(ctx, func(ctx context.Context) (string, error) { return w.refusalSeen(ctx, node) })
	if err != nil {
		return "", err
	}
	if _, err := until(ctx, func(context.Context) (any, error) { return nil, other.conflict(node) }); err != nil {
		return "", err
	}
	_, err = until(ctx, func(ctx context.Context) (any, error) { return nil, w.reportedOnNode(ctx, node) })
	return fmt.Sprintf("%s cosigned %d lines of %s; rewritten with the node's key, verify: %s; the witness keeps the checkpoint that contradicts; an Event on the Node reports it", other.witness.Key(), lines, node, tail(problem)), err
}

// cosigned returns what the agent of a node knows of its witness, once that has cosigned.
func (w *World) cosigned(ctx context.Context, node string) (agentapi.Witnessed, error) {
	agent, err := w.asker(ctx, node)
	if err != nil {
		return agentapi.Witnessed{}, err
	}
	var text bytes.Buffer
	if err := w.agents.Ask(ctx, agent, &text, agentapi.RecordPath); err != nil {
		return agentapi.Witnessed{}, err
	}
	var record agentapi.RecordStatus
	if err := json.Unmarshal(text.Bytes(), &record); err != nil {
		return agentapi.Witnessed{}, fmt.Errorf("the record's state on %s: %w", node, err)
	}
	if len(record.Witnesses) != 1 || record.Witnesses[0].Lines == 0 || record.Witnesses[0].Problem != "" {
		return agentapi.Witnessed{}, fmt.Errorf("no witness cosigned the log of %s: %+v", node, record.Witnesses)
	}
	return record.Witnesses[0], nil
}

// refusalSeen returns what "kubectl dataspace verify" reports of the node, once the log has a line of the refusal as well.
func (w *World) refusalSeen(ctx context.Context, node string) (string, error) {
	agent, err := w.asker(ctx, node)
	if err != nil {
		return "", err
	}
	refused, err := w.facts(ctx, agent, agentapi.FactQuery{Kinds: []string{string(fact.WitnessRefused)}}, func(fact.Fact) bool { return true })
	if err != nil || len(refused) == 0 {
		return "", errors.Join(err, fmt.Errorf("the log of %s has no line %s", node, fact.WitnessRefused))
	}
	v, err := kubectlplugin.Verify(ctx, w.agents, nil)
	if err != nil {
		return "", err
	}
	for _, problem := range v.Problems() {
		if strings.Contains(problem, node) && strings.Contains(problem, "refuses the log of facts") {
			return problem, nil
		}
	}
	return "", fmt.Errorf("verify does not report that the log of %s was rewritten: %v", node, v.Problems())
}

// reportedOnNode returns an error unless there is an Event on the Node that the witness refuses its log.
func (w *World) reportedOnNode(ctx context.Context, node string) error {
	events, err := w.kube.CoreV1().Events(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{
		FieldSelector: "reason=" + string(fact.WitnessRefused) + ",involvedObject.kind=Node,involvedObject.name=" + node,
	})
	if err == nil && len(events.Items) == 0 {
		err = fmt.Errorf("no Event %s on Node %s", fact.WitnessRefused, node)
	}
	return err
}

// rewrite puts a log that was written again in the place of a node's, which is kept.
func rewrite(folder string) error {
	if err := again(folder, folder+".again"); err != nil {
		return err
	}
	return errors.Join(os.Rename(folder, folder+".honest"), os.Rename(folder+".again", folder))
}

// restore puts the log that was kept in its place.
func restore(folder string) error {
	return errors.Join(os.Rename(folder, folder+".again"), os.Rename(folder+".honest", folder), os.RemoveAll(folder+".again"))
}

// swapLog stops the agent of a node, changes the folder of its log, and kills it. The kubelet starts another one.
func (w *World) swapLog(ctx context.Context, node string, change func(folder string) error) error {
	agent, err := until(ctx, func(ctx context.Context) (corev1.Pod, error) { return w.agentOf(ctx, node) })
	if err != nil {
		return err
	}
	container, err := containerID(agent, agent.Spec.Containers[0].Name)
	if err != nil {
		return err
	}
	pids, err := Processes(container)
	if err != nil {
		return err
	}
	if err := signal(pids, syscall.SIGSTOP); err != nil {
		return err
	}
	err = change(fmt.Sprintf("/proc/%d/root/var/lib/data-spacer/facts", pids[0]))
	return errors.Join(err, signal(pids, syscall.SIGKILL))
}

// again writes the log in a folder once more, with its own key, as if an agent had never been started.
func again(folder, to string) (err error) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"key", "keys"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return fmt.Errorf("read the log's %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(to, name), text, 0o600); err != nil {
			return err
		}
	}
	var all []fact.Fact
	err = factlog.Folder(folder).Lines(1, func(_ int64, line []byte) error {
		f, err := fact.Decode(line)
		if err == nil && f.Kind != fact.AgentStarted {
			all = append(all, f.Fact)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	all = append(all, slices.Repeat(all[len(all)-1:], 5)...) // not shorter than before, which would be another finding
	l, err := factlog.Open(to, factlog.Options{Total: 1 << 28, Segment: 1 << 23, Age: 24 * time.Hour})
	if err != nil {
		return fmt.Errorf("write the log again: %w", err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if _, err := l.Append(all); err != nil {
		return fmt.Errorf("write the log again: %w", err)
	}
	_, err = l.Checkpoint()
	return err
}
