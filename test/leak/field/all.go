package field

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"data-space.liqo.io/test/leak/trial"
)

// AttackAll attacks from every pod of the guest at once: as the tenant that it is, and then with CAP_NET_RAW smuggled in. Each
// result is said as it comes.
func (c *Cluster) AttackAll(ctx context.Context, attacker string, say func(format string, args ...any)) ([]trial.Result, error) {
	pods, err := c.Pods(ctx, "pharma-space", "app=pharma")
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var all []trial.Result
	var failed error
	var group sync.WaitGroup
	for _, pod := range pods {
		group.Go(func() {
			for kind, smuggled := range []bool{false, true} {
				where := pod.Spec.NodeName + [2]string{"  tenant  ", "  NET_RAW "}[kind]
				results, err := c.Attack(ctx, attacker, pod, smuggled, func(line string) {
					mu.Lock()
					defer mu.Unlock()
					say("%s %s", where, line)
				})
				mu.Lock()
				all = append(all, results...)
				if err != nil {
					failed = errors.Join(failed, fmt.Errorf("%s: attack from %s: %w", where, pod.Name, err))
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return all, failed
}
