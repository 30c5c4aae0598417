package nodeoffers

import (
	"context"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/values/apis"
)

// contact knows since when the API server has answered the controller without a break. While the controller cannot see a
// renewal, or agents cannot write one, their absence says nothing.
type contact struct {
	api    client.Reader
	period time.Duration // between two questions
	gap    time.Duration // without an answer for longer, contact was broken

	mu          sync.Mutex
	began, last time.Time
}

// Start implements manager.Runnable. Only the replica that leads decides, so only it asks.
func (c *contact) Start(ctx context.Context) error {
	tick := time.NewTicker(c.period)
	defer tick.Stop()
	for {
		c.ask(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *contact) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.period)
	defer cancel()
	err := c.api.List(ctx, &coordinationv1.LeaseList{}, client.InNamespace(apis.SystemNamespace), client.Limit(1))
	if err == nil {
		c.answered(time.Now())
	}
}

func (c *contact) answered(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.IsZero() || now.Sub(c.last) > c.gap {
		c.began = now
	}
	c.last = now
}

// since is when the present contact began; zero: there is none.
func (c *contact) since(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.IsZero() || now.Sub(c.last) > c.gap {
		return time.Time{}
	}
	return c.began
}
