package nodelease

import (
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"data-space.liqo.io/pkg/values/apis"
)

const (
	// Label is on every agent's Lease, so that the controller watches these and no others.
	Label = "data-space.liqo.io/agent-lease"
	// AnnotationBoot is the boot id of the kernel that the agent runs on: the Node's status.nodeInfo.bootID.
	AnnotationBoot = "data-space.liqo.io/boot-id"
	// annotationNRI is whether the runtime announces containers to the agent.
	annotationNRI = "data-space.liqo.io/nri"

	// annotationCheckpoint is the newest signed checkpoint of the node's log of facts.
	annotationCheckpoint = "data-space.liqo.io/checkpoint"
	// mostCheckpoint bounds the bytes of one.
	mostCheckpoint = 4 << 10
	// prefix sets the names apart from the controller's own Lease, whatever a node is called.
	prefix = "agent-"
)

// Times of the Lease. Kubelets renew theirs as often and are given as long.
const (
	RenewEvery = 10 * time.Second
	Duration   = 40 * time.Second
)

// State is what a Lease says.
type State struct {
	Node   string
	Holder string // the agent's pod; empty: the agent has given the Lease up
	Boot   string
	NRI    bool
	Guests string // what the agent reports of guests' pods, by EncodeGuests
	// Checkpoint is that of the node's log of facts, so that it is known outside of the node how far the log was; empty: there is none.
	Checkpoint string
	// Renewed is when, by the agent's clock. It is compared with other values of the same Lease only.
	Renewed time.Time
}

// Name is the Lease's name for a node.
func Name(node string) (string, error) {
	name := prefix + node
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return "", fmt.Errorf("node %q: its Lease cannot be named %q: %s", node, name, problems[0])
	}
	return name, nil
}

// NodeOf is the node of a Lease by its name.
func NodeOf(lease string) (node string, ok bool) { return strings.CutPrefix(lease, prefix) }

// Write puts the state into a Lease and leaves all else in it as it is.
func Write(l *coordinationv1.Lease, s State) error {
	name, err := Name(s.Node)
	if err != nil {
		return err
	}
	l.Name, l.Namespace = name, apis.SystemNamespace
	l.Labels = with(l.Labels, Label, "true")
	l.Annotations = with(with(l.Annotations, AnnotationBoot, s.Boot), annotationNRI, fmt.Sprint(s.NRI))
	if delete(l.Annotations, annotationGuests); s.Guests != "" {
		l.Annotations[annotationGuests] = s.Guests
	}
	if delete(l.Annotations, annotationCheckpoint); s.Checkpoint != "" && len(s.Checkpoint) <= mostCheckpoint {
		l.Annotations[annotationCheckpoint] = s.Checkpoint
	}
	seconds, renewed := int32(Duration/time.Second), metav1.NewMicroTime(s.Renewed)
	if l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity != s.Holder {
		l.Spec.AcquireTime = &renewed
	}
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds, l.Spec.RenewTime = &s.Holder, &seconds, &renewed
	return nil
}

// Read is the state of a Lease. ok is false if it is not an agent's.
func Read(l *coordinationv1.Lease) (s State, ok bool) {
	s.Node, ok = NodeOf(l.Name)
	if !ok || l.Labels[Label] != "true" {
		return State{}, false
	}
	s.Boot, s.NRI = l.Annotations[AnnotationBoot], l.Annotations[annotationNRI] == "true"
	s.Guests, s.Checkpoint = l.Annotations[annotationGuests], l.Annotations[annotationCheckpoint]
	if l.Spec.HolderIdentity != nil {
		s.Holder = *l.Spec.HolderIdentity
	}
	if l.Spec.RenewTime != nil {
		s.Renewed = l.Spec.RenewTime.UTC()
	}
	return s, true
}

func with(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}
