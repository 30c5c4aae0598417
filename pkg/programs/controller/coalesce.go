package controller

import (
	"context"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
)

// coalesceFor is how long events are collected that ask for the same requests.
const coalesceFor = 100 * time.Millisecond

// coalesced asks for the same requests once for all events of a moment: a cluster of thousands of nodes has as many at the start.
func coalesced(requests handler.MapFunc) handler.EventHandler {
	var mu sync.Mutex
	waiting := false
	ask := func(ctx context.Context, q queue) {
		mu.Lock()
		defer mu.Unlock()
		if waiting {
			return
		}
		waiting = true
		time.AfterFunc(coalesceFor, func() {
			mu.Lock()
			waiting = false
			mu.Unlock()
			for _, request := range requests(context.WithoutCancel(ctx), nil) {
				q.Add(request) // nothing happens where the queue has ended
			}
		})
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, _ event.TypedCreateEvent[client.Object], q queue) { ask(ctx, q) },
		UpdateFunc: func(ctx context.Context, _ event.TypedUpdateEvent[client.Object], q queue) { ask(ctx, q) },
		DeleteFunc: func(ctx context.Context, _ event.TypedDeleteEvent[client.Object], q queue) { ask(ctx, q) },
	}
}
