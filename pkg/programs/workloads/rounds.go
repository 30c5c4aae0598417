package workloads

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"data-space.liqo.io/pkg/decisions/leastpriv"
)

// retryDelay is when a round follows one whose view was behind.
const retryDelay = time.Second

// rounds decides over the whole cluster at once. A decision takes milliseconds, and what it depends on is in the caches; so there is no
// record of which policy depends on what, which could be wrong.
type rounds struct {
	config  Config
	world   *snapshot
	writer  *writer
	reports *reports
	metrics meters
	pace    *pace
}

// Reconcile is one round.
func (r *rounds) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	began := time.Now()
	v, err := r.world.read(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	result := leastpriv.Policies(v.World)
	took := time.Since(began)
	r.pace.took(time.Now(), took)
	r.metrics.round(took, result.Policies)

	out := r.writer.apply(ctx, result.Policies, v.have)
	taken := r.writer.takenNames()
	r.metrics.found(len(result.Findings), len(taken))
	r.reports.round(v, result, out.restored, taken)
	return ctrl.Result{RequeueAfter: r.next(v.due, out.retry, len(taken) > 0)}, out.err()
}

// next is when another round is needed although nothing changes; zero: never.
func (r *rounds) next(due time.Duration, retry, taken bool) time.Duration {
	switch {
	case retry:
		return retryDelay
	case taken && (due == 0 || due > takenPeriod):
		return takenPeriod
	default:
		return due
	}
}
