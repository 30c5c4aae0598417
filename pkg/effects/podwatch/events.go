package podwatch

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"

	"data-space.liqo.io/pkg/decisions/limits"
)

// maxMessage is how many bytes of a message are written: what the API takes of an events.k8s.io Event. A message may quote what a
// pod chose, such as a list of its addresses.
const maxMessage = 1024

// Events writes Kubernetes Events on pods and on the node. Equal ones are counted on one object, and a flood on one pod is cut
// (client-go's correlator). Nothing waits for the API server.
type Events struct {
	node        string
	broadcaster record.EventBroadcaster
	recorder    record.EventRecorder
}

// newEvents prepares a writer that reports as the given component of the given node.
func newEvents(cfg *rest.Config, component, node string) (*Events, error) {
	api, err := typedcorev1.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare the writer of Events: %w", err)
	}
	b := record.NewBroadcaster()
	b.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: api.Events("")})
	return &Events{
		node:        node,
		broadcaster: b,
		recorder:    b.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component, Host: node}),
	}, nil
}

// Normal reports what went as it should, Warning what did not. The pod need not be known to the API server's watch.
func (e *Events) Normal(namespace, name, uid, reason, message string) {
	e.recorder.Event(pod(namespace, name, uid), corev1.EventTypeNormal, reason, limits.Cut(message, maxMessage))
}

// Warning is as Normal.
func (e *Events) Warning(namespace, name, uid, reason, message string) {
	e.recorder.Event(pod(namespace, name, uid), corev1.EventTypeWarning, reason, limits.Cut(message, maxMessage))
}

// OnNode reports what did not go as it should with the node, not with one of its pods.
func (e *Events) OnNode(reason, message string) {
	// As the kubelet does: the UID is the Node's name. The Event is in the namespace default.
	on := &corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: e.node, UID: types.UID(e.node)}
	e.recorder.Event(on, corev1.EventTypeWarning, reason, limits.Cut(message, maxMessage))
}

// Close stops sending Events.
func (e *Events) Close() { e.broadcaster.Shutdown() }

func pod(namespace, name, uid string) *corev1.ObjectReference {
	return &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: name, UID: types.UID(uid)}
}
