package controller

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestManyEventsOfAMomentAskOnce(t *testing.T) {
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	var asked atomic.Int32
	h := coalesced(func(context.Context, client.Object) []reconcile.Request {
		asked.Add(1)
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: "pharma"}}}
	})
	ctx, cancel := context.WithCancel(t.Context())
	for range 1000 {
		h.Create(ctx, event.CreateEvent{Object: &corev1.Node{}}, q)
	}
	cancel() // of the event, not of the queue
	require.Eventually(t, func() bool { return q.Len() == 1 }, time.Minute, time.Millisecond)
	before := asked.Load()
	require.Less(t, before, int32(100), "once, or a few times on a machine that is busy meanwhile")
	h.Delete(t.Context(), event.DeleteEvent{Object: &corev1.Node{}}, q)
	require.Eventually(t, func() bool { return asked.Load() > before }, time.Minute, time.Millisecond, "a later event asks again")
}
