package leases

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/nodelease"
)

// patience bounds one write.
const patience = 5 * time.Second

// Boot is the id of the kernel's boot, as the kubelet reports it too.
func Boot() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}

// Writer writes one Lease. It is not safe for concurrent use.
type Writer struct {
	api  kubernetes.Interface
	last *coordinationv1.Lease // as the API server returned it; nil: not known
}

// New returns a writer.
func New(cfg *rest.Config) (*Writer, error) {
	api, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare the writer of the agent's Lease: %w", err)
	}
	return &Writer{api: api}, nil
}

// Write makes the Lease say that. In the steady state it is one request.
func (w *Writer) Write(ctx context.Context, s nodelease.State) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := w.write(ctx, s)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) {
		w.last = nil // changed, deleted or made by others meanwhile
		err = w.write(ctx, s)
	}
	if err != nil {
		w.last = nil
		return fmt.Errorf("write the Lease of node %s: %w", s.Node, err)
	}
	return nil
}

// write makes the Lease or updates it. The update names the resource version that was read: of two writers, the second has a conflict.
func (w *Writer) write(ctx context.Context, s nodelease.State) error {
	name, err := nodelease.Name(s.Node)
	if err != nil {
		return err
	}
	leases := w.api.CoordinationV1().Leases(apis.SystemNamespace)
	if w.last == nil {
		found, err := leases.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return w.create(ctx, s)
		}
		if err != nil {
			return err
		}
		w.last = found
	}
	next := w.last.DeepCopy()
	if err := nodelease.Write(next, s); err != nil {
		return err
	}
	written, err := leases.Update(ctx, next, metav1.UpdateOptions{})
	if err == nil {
		w.last = written
	}
	return err
}

// create makes the Lease the Node's: it goes when the Node is deleted.
func (w *Writer) create(ctx context.Context, s nodelease.State) error {
	node, err := w.api.CoreV1().Nodes().Get(ctx, s.Node, metav1.GetOptions{})
	if err != nil {
		return err
	}
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{
		{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID},
	}}}
	if err := nodelease.Write(lease, s); err != nil {
		return err
	}
	w.last, err = w.api.CoordinationV1().Leases(apis.SystemNamespace).Create(ctx, lease, metav1.CreateOptions{})
	if err != nil {
		w.last = nil
	}
	return err
}
