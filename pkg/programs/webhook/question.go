package webhook

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/decisions/tolerations"
)

// question is what an object adds to where its pods may run.
type question struct {
	policy      *tolerations.Policy
	now, before placement
	node        string
	taints      []corev1.Taint
	absent      bool // there is no such node
	class       string
	added       []corev1.Toleration
}

// newQuestion reads what the object's names stand for in the cluster.
func newQuestion(ctx context.Context, policy *tolerations.Policy, now, before placement, c cluster) (*question, error) {
	now = now.without(before)
	q := &question{policy: policy, now: now, before: before, node: textOf(now.node), class: textOf(now.class)}
	var err error
	if q.node != "" {
		q.taints, err = c.NodeTaints(ctx, q.node)
		if q.absent = apierrors.IsNotFound(err); err != nil && !q.absent {
			return nil, fmt.Errorf("cannot read the taints of node %q: %w; try again, or leave the node to the scheduler", q.node, err)
		}
	}
	if q.class != "" {
		if q.added, err = c.ClassTolerations(ctx, q.class); err != nil {
			return nil, fmt.Errorf("cannot read the RuntimeClass %q: %w; try again", q.class, err)
		}
	}
	return q, nil
}

// findings decides for a subject.
func (q *question) findings(s tolerations.Subject) ([]tolerations.Finding, error) {
	var failed, ignored error
	found := q.policy.Tolerations(s, decoded(q.now.tolerations, &failed), decoded(q.before.tolerations, &ignored), q.now.path.Child("tolerations"))
	if failed != nil {
		return nil, failed
	}
	byNode := q.policy.Node(s, q.node, q.taints, q.now.nodePath())
	if q.absent {
		byNode = q.policy.Absent(s, q.node, q.now.nodePath())
	}
	byClass := q.policy.Tolerations(s, slices.All(q.added), nil, q.now.path.Child("runtimeClassName").Key(q.class).Child("tolerations"))
	return slices.Concat(found, byNode, byClass), nil
}

// byTemplate decides about a pod that a controller makes of a template with a node's name. Its tolerations were decided about when the template
// was written; the node may have become a reserved one since then.
func (q *question) byTemplate() (field.ErrorList, error) {
	if q.node == "" {
		return nil, nil
	}
	var failed error
	found := q.policy.NodeOfTemplate(q.node, q.taints, q.absent, decoded(q.now.tolerations, &failed), q.now.nodePath())
	return errorsOf(found), failed
}
