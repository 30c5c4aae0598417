package kubectlplugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/effects/agentexec"
)

// Cluster reaches the agents of a cluster, and the pods that they guard.
type Cluster interface {
	// Agents returns the agents by node.
	Agents(ctx context.Context) ([]agentexec.Agent, error)
	// Ask writes what an agent answers at a path of its local socket, while it arrives.
	Ask(ctx context.Context, a agentexec.Agent, stdout io.Writer, path string) error
	// ForeignPods calls each with every pod of a foreign namespace and the namespace's labels.
	ForeignPods(ctx context.Context, each func(pod *corev1.Pod, namespace map[string]string)) error
	// Pod returns a pod.
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
}

const (
	// atOnce bounds the agents that are asked at the same time.
	atOnce = 16
	// patience bounds how long one answer is waited for: an agent reads the rules of each pod of its node, or its whole log.
	patience = 2 * time.Minute
	// mostAnswer bounds an answer that is kept in memory, in bytes.
	mostAnswer = 64 << 20
)

// errNoAgents means that there is nothing to ask.
var errNoAgents = errors.New("there is no agent: is Data Spacer installed in this namespace (--system-namespace)?")

// askFor decodes the JSON that an agent answers at a path.
func askFor(ctx context.Context, c Cluster, a agentexec.Agent, path string, into any) error {
	text, err := fetch(ctx, c, a, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the answer of the agent of node %s at %s: %w", a.Node, path, err)
	}
	return nil
}

// fetch returns what an agent answers at a path. Time and size are bounded: root of a node can have its agent answer anything.
func fetch(ctx context.Context, c Cluster, a agentexec.Agent, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out := answer{left: mostAnswer}
	err := c.Ask(ctx, a, &out, path)
	return out.Bytes(), err
}

// answer keeps what is written to it, up to a bound.
type answer struct {
	bytes.Buffer
	left int
}

// Write implements io.Writer.
func (a *answer) Write(p []byte) (int, error) {
	if len(p) > a.left {
		return 0, fmt.Errorf("the agent answers more than %d MiB; ask for less", mostAnswer>>20)
	}
	a.left -= len(p)
	return a.Buffer.Write(p)
}

// eachAgent calls do for each agent, several at the same time. place is the agent's in the list.
func eachAgent(agents []agentexec.Agent, do func(place int, a agentexec.Agent)) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, a := range agents {
		group.Go(func() error {
			do(i, a)
			return nil
		})
	}
	_ = group.Wait() // what fails is in the answers
}

// on returns the running agent of a node. The error names what is missing.
func on(ctx context.Context, c Cluster, node string) (agentexec.Agent, error) {
	agents, err := c.Agents(ctx)
	if err != nil {
		return agentexec.Agent{}, err
	}
	for _, a := range agents {
		if a.Node == node && a.Running {
			return a, nil
		}
	}
	return agentexec.Agent{}, fmt.Errorf("no agent runs on node %q; \"kubectl dataspace doctor\" has the reason", node)
}

// ofPod returns a pod and the agent of its node.
func ofPod(ctx context.Context, c Cluster, namespace, name string) (*corev1.Pod, agentexec.Agent, error) {
	pod, err := c.Pod(ctx, namespace, name)
	if err != nil {
		return nil, agentexec.Agent{}, err
	}
	a, err := on(ctx, c, pod.Spec.NodeName)
	return pod, a, err
}
