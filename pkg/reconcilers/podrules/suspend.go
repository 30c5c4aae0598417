package podrules

import "data-space.liqo.io/pkg/values/endpoint"

// Suspend names the namespaces whose guest is suspended: from now on each call closes the pods there, whichever proxy runs or starts, and
// opens those of all other namespaces. Open connections are kept, and find no way meanwhile. Until Suspend is first called, which is while
// the API server has not answered this agent yet, each sandbox is what the Store has of it. The caller does not change the map.
func (e *Reconciler) Suspend(namespaces map[string]bool) { e.suspended.Store(&namespaces) }

// KeepSuspension has a sandbox stay what the Store has of it, or no longer: the namespace of its pod is gone, and names no guest.
func (e *Reconciler) KeepSuspension(sandbox string, keep bool) {
	if keep {
		e.kept.Store(sandbox, true)
	} else {
		e.kept.Delete(sandbox)
	}
}

func (e *Reconciler) isSuspended(t endpoint.Target) bool {
	_, kept := e.kept.Load(t.Sandbox)
	if told := e.suspended.Load(); told != nil && !kept {
		return (*told)[t.Endpoint.Namespace]
	}
	entry, _ := e.parts.Store.Get(t.Sandbox)
	return entry.Suspended
}
