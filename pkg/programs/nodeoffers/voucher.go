package nodeoffers

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/vouch"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/nodelease"
)

// Reasons of the Events that the controller puts on Nodes.
const (
	ReasonOffered   = "OfferedToForeignPods"
	ReasonWithdrawn = "WithdrawnFromForeignPods"
)

// recorder is the part of an event recorder that is used.
type recorder interface {
	// Eventf emits an Event on regarding, in the background; failures are logged by the recorder.
	Eventf(regarding, related runtime.Object, eventtype, reason, action, note string, args ...any)
}

// voucher sets and withdraws apis.LabelEnforced on Nodes, by the Leases that their agents renew.
type voucher struct {
	nodes    client.Client
	live     client.Reader // past the cache
	events   recorder
	logger   *slog.Logger
	leases   *leaseWatch
	contact  *contact
	metrics  nodeMetrics
	duration time.Duration
	taint    *corev1.Taint // nil: none
}

// Reconcile decides over one node.
func (v *voucher) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	node := &corev1.Node{}
	if err := v.nodes.Get(ctx, request.NamespacedName, node); err != nil {
		if apierrors.IsNotFound(err) {
			v.metrics.forget(request.Name)
			v.leases.forget(request.Name)
			err = nil
		}
		return ctrl.Result{}, err
	}
	verdict := v.judge(node)
	if known := facts(node); known.Offered() && !verdict.Offer && verdict.Reason != vouch.Rebooted {
		// The watch may be behind: the API server itself is asked before foreign pods lose a node.
		if err := v.confirm(ctx, node.Name); err != nil {
			return ctrl.Result{}, err
		}
		verdict = v.judge(node)
	}
	if err := v.apply(ctx, node, verdict); err != nil {
		return ctrl.Result{}, err
	}
	v.metrics.set(node.Name, verdict)
	return ctrl.Result{RequeueAfter: verdict.Again}, nil
}

func (v *voucher) judge(node *corev1.Node) vouch.Verdict {
	now := time.Now()
	return vouch.Judge(facts(node), v.leases.of(node.Name), vouch.Clock{Now: now, Since: v.contact.since(now), Duration: v.duration})
}

func facts(node *corev1.Node) vouch.Node {
	return vouch.Node{Boot: node.Status.NodeInfo.BootID, Label: node.Labels[apis.LabelEnforced]}
}

// confirm reads the Lease from the API server. A renewal that the watch has not shown yet counts as one seen now.
func (v *voucher) confirm(ctx context.Context, node string) error {
	name, err := nodelease.Name(node)
	if err != nil {
		return nil //nolint:nilerr // no Lease can have that name
	}
	lease := &coordinationv1.Lease{}
	err = v.live.Get(ctx, client.ObjectKey{Namespace: apis.SystemNamespace, Name: name}, lease)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read the Lease of node %s: %w", node, err)
	}
	if err == nil {
		v.leases.saw(lease, time.Now())
	}
	return nil
}

// apply writes what has changed, unless the Node has changed since it was read.
func (v *voucher) apply(ctx context.Context, node *corev1.Node, verdict vouch.Verdict) error {
	next := node.DeepCopy()
	if !vouch.Change(next, verdict, v.taint) {
		return nil
	}
	change, err := patchOf(node, next)
	if err != nil {
		return err
	}
	err = v.nodes.Patch(ctx, next, change)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("label node %s: %w", node.Name, err)
	}
	v.report(node, verdict)
	return nil
}

// patchOf names the label and the taints alone. The difference of two cached Nodes would not do: the cache keeps one label of each,
// so a Node without it would look as if it were to have none at all.
func patchOf(before, next *corev1.Node) (client.Patch, error) {
	var label *string // nil removes it (RFC 7396)
	if value, set := next.Labels[apis.LabelEnforced]; set {
		label = &value
	}
	body := map[string]any{"metadata": map[string]any{
		"resourceVersion": before.ResourceVersion, "labels": map[string]*string{apis.LabelEnforced: label},
	}}
	if !equality.Semantic.DeepEqual(before.Spec.Taints, next.Spec.Taints) {
		body["spec"] = map[string]any{"taints": next.Spec.Taints}
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write the change of node %s: %w", before.Name, err)
	}
	return client.RawPatch(types.MergePatchType, text), nil
}

func (v *voucher) report(node *corev1.Node, verdict vouch.Verdict) {
	about := &corev1.Node{}
	about.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Node"))
	about.Name, about.UID = node.Name, node.UID
	var none runtime.Object
	if verdict.Offer {
		v.logger.Info("foreign pods may be scheduled to the node", "node", node.Name, "message", verdict.Message)
		v.events.Eventf(about, none, corev1.EventTypeNormal, ReasonOffered, "Vouch", "foreign pods may be scheduled here: %s", verdict.Message)
		return
	}
	v.logger.Warn("foreign pods are no longer scheduled to the node", "node", node.Name, "reason", verdict.Reason, "message", verdict.Message)
	v.events.Eventf(about, none, corev1.EventTypeWarning, ReasonWithdrawn, "Vouch",
		"foreign pods are no longer scheduled here, those that run stay enforced: %s: %s", verdict.Reason, verdict.Message)
}
