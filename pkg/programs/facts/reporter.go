package facts

import (
	"data-space.liqo.io/pkg/values/fact"
)

// Reporter writes Kubernetes Events on pods and on the node.
type Reporter interface {
	// Normal writes an Event of type Normal.
	Normal(namespace, name, uid, reason, message string)
	// Warning writes an Event of type Warning.
	Warning(namespace, name, uid, reason, message string)
	// OnNode writes an Event of type Warning on the node.
	OnNode(reason, message string)
}

// reporter writes each Event, and records it as a fact whose kind is the Event's reason.
type reporter struct {
	Reporter
	emitter *Emitter
	guest   func(namespace string) string
}

// Reporting returns a Reporter whose Events on pods are facts as well. guest returns the cluster ID of a namespace's guest, or "". From then on the
// Reporter also writes Events of witnesses, on the node.
func (e *Emitter) Reporting(r Reporter, guest func(namespace string) string) Reporter {
	if e != nil {
		e.onNode.Store(&r)
	}
	return reporter{Reporter: r, emitter: e, guest: guest}
}

// Normal writes the Event and records it.
func (r reporter) Normal(namespace, name, uid, reason, message string) {
	r.Reporter.Normal(namespace, name, uid, reason, message)
	r.record(false, namespace, name, uid, reason, message)
}

// Warning writes the Event and records it.
func (r reporter) Warning(namespace, name, uid, reason, message string) {
	r.Reporter.Warning(namespace, name, uid, reason, message)
	r.record(true, namespace, name, uid, reason, message)
}

// eventOnNode writes an Event on the node, if the agent writes Events.
func (e *Emitter) eventOnNode(kind fact.Kind, message string) {
	if r := e.onNode.Load(); r != nil {
		(*r).OnNode(string(kind), message)
	}
}

func (r reporter) record(warning bool, namespace, name, uid, reason, message string) {
	r.emitter.Emit(fact.Fact{
		Kind: fact.Kind(reason), Warning: warning, Message: message, Subject: fact.Subject{Guest: r.guest(namespace), Namespace: namespace, Pod: name, UID: uid},
	})
}
