package podwatch

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"

	"data-space.liqo.io/pkg/values/apis"
)

// Conditions writes one condition of pods, apis.ConditionQuarantined, in the background: the newest for each pod, and again
// until the API server has taken it or the pod is gone. A policy in the API server keeps the agent from writing more.
type Conditions struct {
	api   typedcorev1.CoreV1Interface
	log   *slog.Logger
	queue workqueue.TypedRateLimitingInterface[types.UID]

	mu   sync.Mutex
	next map[types.UID]condition
}

type condition struct {
	namespace, name string
	patch           []byte
}

// conditionRetry is the longest pause between attempts.
const conditionRetry = time.Minute

// newConditions prepares a writer. Run it.
func newConditions(cfg *rest.Config, log *slog.Logger) (*Conditions, error) {
	api, err := typedcorev1.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare the writer of conditions: %w", err)
	}
	return &Conditions{api: api, log: log, next: map[types.UID]condition{}, queue: workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](time.Second, conditionRetry))}, nil
}

// Quarantined sets the pod's condition. It does not wait.
func (c *Conditions) Quarantined(namespace, name, uid string, quarantined bool, reason, message string) {
	status := metav1.ConditionFalse
	if quarantined {
		status = metav1.ConditionTrue
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": uid}, // of this pod only, not of another of its name
		"status": map[string]any{"conditions": []any{map[string]any{
			"type": apis.ConditionQuarantined, "status": status, "reason": reason, "message": message, "lastTransitionTime": metav1.Now(),
		}}},
	})
	if err != nil {
		c.log.Error("a condition is not written", "namespace", namespace, "pod", name, "error", err)
		return
	}
	c.mu.Lock()
	c.next[types.UID(uid)] = condition{namespace, name, patch}
	c.mu.Unlock()
	c.queue.Add(types.UID(uid))
}

// Run writes until the context ends.
func (c *Conditions) Run(ctx context.Context) {
	stop := context.AfterFunc(ctx, c.queue.ShutDown)
	defer stop()
	for {
		uid, over := c.queue.Get()
		if over {
			return
		}
		c.write(ctx, uid)
		c.queue.Done(uid)
	}
}

// write patches the newest condition of a pod into its status. A pod that is gone needs none. If a newer condition came while this one was
// written, it stays to be written.
func (c *Conditions) write(ctx context.Context, uid types.UID) {
	c.mu.Lock()
	next := c.next[uid]
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, err := c.api.Pods(next.namespace).Patch(ctx, next.name, types.StrategicMergePatchType, next.patch, metav1.PatchOptions{}, "status")
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		c.log.Warn("a condition is not written yet", "namespace", next.namespace, "pod", next.name, "error", err)
		c.queue.AddRateLimited(uid)
		return
	}
	c.queue.Forget(uid)
	c.mu.Lock()
	defer c.mu.Unlock()
	if string(c.next[uid].patch) == string(next.patch) {
		delete(c.next, uid)
	}
}
