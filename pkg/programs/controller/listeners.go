package controller

import (
	"context"
	"slices"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// listeners ask controllers to decide again. They are safe for concurrent use.
type listeners struct {
	mu    sync.Mutex
	asked []func()
}

// source asks for these requests at each change. started is called when the controller starts.
func (l *listeners) source(requests handler.MapFunc, started func(context.Context)) source.Source {
	return source.Func(func(ctx context.Context, q queue) error {
		l.mu.Lock()
		l.asked = append(l.asked, func() {
			for _, request := range requests(ctx, nil) {
				q.Add(request)
			}
		})
		l.mu.Unlock()
		started(ctx)
		return nil
	})
}

func (l *listeners) changed() {
	l.mu.Lock()
	asked := slices.Clone(l.asked)
	l.mu.Unlock()
	for _, ask := range asked {
		ask()
	}
}
