package socketmemory

import (
	"time"

	"data-space.liqo.io/pkg/decisions/proxymemory"
	"data-space.liqo.io/pkg/values/endpoint"
)

// Notice receives how many connections of a pod's proxy have ended just now, and what there is to report about the pod, or "": at most every ten
// minutes. It does not wait, and is called by one goroutine.
type Notice func(pod endpoint.Endpoint, ended int, report string)

// Notify has Run call a Notice. It is called before Run.
func (k *Keeper) Notify(n Notice) { k.notice = n }

// notify passes on how many connections ended, and what was not reported before if it is time.
func (k *Keeper) notify(w *watch, now time.Time, ended int) {
	pod, report := w.target.Endpoint, ""
	if all := k.reports.Add(now, pod.UID, ended); all > 0 {
		report = proxymemory.Report(pod.Namespace, all, w.limit)
	}
	if k.notice != nil && (ended > 0 || report != "") {
		k.notice(pod, ended, report)
	}
}
