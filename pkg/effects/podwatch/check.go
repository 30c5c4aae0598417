package podwatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

// checkTimeout bounds the questions that are asked of the API server directly.
const checkTimeout = 10 * time.Second

// errRefused means that the API server answered and does not let the agent in; waiting changes nothing.
var errRefused = errors.New("refused by the API server")

// Check sends each request of the watches to the API server once. errors.Is errRefused if the API server refused one; any
// other error means that it was not reached.
func (w *Watch) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	one := client.Limit(1)
	if err := w.live.List(ctx, &corev1.PodList{}, one, client.MatchingFields{"spec.nodeName": w.node}); err != nil {
		return fmt.Errorf("list the pods of node %s: %w", w.node, judge(err))
	}
	spaces := &metav1.PartialObjectMetadataList{}
	spaces.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := w.live.List(ctx, spaces, one, client.HasLabels{apis.LabelRemoteCluster}); err != nil {
		return fmt.Errorf("list the guests' namespaces: %w", judge(err))
	}
	return nil
}

func judge(err error) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) && (apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err)) {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return err
}

// Problem is what is wrong with the watches now; empty if nothing is known to be.
func (w *Watch) Problem() string {
	text, _ := w.broken.Load().(string)
	return text
}

// onError is called for every watch that ended with an error or could not start. client-go tries again, with growing pauses.
func (w *Watch) onError(_ context.Context, _ *toolscache.Reflector, err error) {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		return // the ordinary end of a long watch
	}
	if old, _ := w.broken.Swap(err.Error()).(string); old == "" {
		w.log.Warn("the API server does not answer the agent's watches: rules stay as they are, known pods stay enforced", "error", err)
	}
}

// recover finds out when a broken watch works again: client-go reports only failures.
func (w *Watch) recover(ctx context.Context) {
	_ = wait.PollUntilContextCancel(ctx, checkTimeout, false, func(ctx context.Context) (end bool, err error) {
		if w.Problem() != "" && w.Check(ctx) == nil {
			w.broken.Store("")
			w.log.Info("the API server answers again")
		}
		return false, nil
	})
}
