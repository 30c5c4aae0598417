package assign

import (
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// Verdict is what the agent has to do about a pod.
type Verdict string

// The verdicts.
const (
	Enforce Verdict = "Enforce" // its namespace holds the complete ruleset
	Pending Verdict = "Pending" // it is guarded and has no sandbox yet
	Exempt  Verdict = "Exempt"  // it is a foreign namespace's and yet not guarded; Reason says why
	Release Verdict = "Release" // it was guarded and is no longer: the rules go, once the API server confirms it
)

// Reason refines a verdict.
type Reason string

// The reasons.
const (
	None         Reason = ""
	HostNetwork  Reason = "HostNetwork"  // there is no network namespace of its own to write to
	OptedOut     Reason = "OptedOut"     // its namespace bears data-space/apply-webhook=false: no proxy is injected there
	NotForeign   Reason = "NotForeign"   // its namespace belongs to no guest any more
	ProxyMissing Reason = "ProxyMissing" // its spec has no proxy: it is quarantined
	ProxyDown    Reason = "ProxyDown"    // its proxy does not run: nothing leaves it meanwhile
	Suspended    Reason = "Suspended"    // its guest is suspended: nothing leaves or enters it meanwhile
	NoSandbox    Reason = "NoSandbox"    // the runtime has not made it yet
)

// Assignment is the decision over one pod. Two assignments that are equal (==) ask for the same work.
type Assignment struct {
	Namespace, Name, UID string
	Guest                string // cluster id
	Verdict              Verdict
	Reason               Reason
	Suspended            bool   // its guest is suspended
	Gone                 bool   // of a Release: the API server does not know the pod any more, so that its namespace may be another of the same name
	Sandbox              string // id of the sandbox to act on
	Proxy                string // id of the proxy's container that has, or is about to have, processes
	ProxyState           workload.State
	Stall                workload.Stall
	Containers           Members // of the sandbox
}

// But reports whether two assignments differ in nothing but the sandbox's containers.
func (a Assignment) But(other Assignment) bool {
	a.Containers = other.Containers
	return a == other
}

// Kept returns the decision over a pod whose release the API server does not confirm, since the pod or its namespace is gone: it stays as it was before.
func (a Assignment) Kept(before Assignment) Assignment {
	a.Verdict, a.Reason, a.Gone, a.Suspended = Enforce, None, false, before.Suspended
	switch {
	case before.Reason == ProxyMissing:
		a.Reason = ProxyMissing
	case a.Suspended:
		a.Reason = Suspended
	case a.ProxyState != workload.Running:
		a.Reason = ProxyDown
	}
	return a
}

// World is all that the decision rests on.
type World struct {
	// Synced: Pods and Namespaces are complete. While they are not, what was guarded stays guarded.
	Synced     bool
	Pods       []workload.Pod
	Namespaces []workload.Namespace
	Sandboxes  []workload.Sandbox
	Guarded    map[string]string // id of each sandbox that holds rules of ours, and its guest
}

// Join decides over every pod of the node that is guarded, or should be, or was. Keys are pod UIDs; a pod that it does
// not name needs nothing.
func Join(w World) map[string]Assignment {
	spaces := map[string]workload.Namespace{}
	for _, n := range w.Namespaces {
		spaces[n.Name] = n
	}
	pods := map[string]workload.Pod{}
	for _, p := range w.Pods {
		pods[p.UID] = p
	}
	out := map[string]Assignment{}
	for uid, box := range ready(w.Sandboxes) {
		pod, known := pods[uid]
		if a, ok := decide(w, spaces, box, pod, known); ok {
			out[uid] = a
		}
	}
	for uid, pod := range pods {
		space, ok := spaces[pod.Namespace]
		if _, seen := out[uid]; seen || !ok || !apis.IsForeign(space.Labels) || pod.Done {
			continue
		}
		out[uid] = waiting(space, pod)
	}
	return out
}

// ready picks the sandbox that lives of each pod: the newest, should the runtime show two.
func ready(boxes []workload.Sandbox) map[string]workload.Sandbox {
	out := map[string]workload.Sandbox{}
	for _, b := range boxes {
		if !b.Ready {
			continue
		}
		if old, ok := out[b.UID]; !ok || b.CreatedAt > old.CreatedAt {
			out[b.UID] = b
		}
	}
	return out
}

// decide is the decision over a pod that has a sandbox. The runtime alone suffices for it: the API server may not know
// the pod yet, or no longer.
func decide(w World, spaces map[string]workload.Namespace, box workload.Sandbox, pod workload.Pod, known bool) (Assignment, bool) {
	guest, guarded := w.Guarded[box.ID]
	space, found := spaces[box.Namespace]
	a := Assignment{Namespace: box.Namespace, Name: box.Name, UID: box.UID, Sandbox: box.ID, Guest: guest}
	if found {
		a.Guest = apis.Guest(space.Labels)
	}
	switch foreign := found && apis.IsForeign(space.Labels); {
	case !foreign && !w.Synced && guarded:
		// Not known to be otherwise: what the runtime says of the proxy is enough to keep it guarded.
	case !foreign && guarded:
		// With what is known of its containers: it stays enforced until the API server confirms the release.
		a.Containers = MembersOf(box.Containers)
		a = enforced(a, proxy(box.Containers), pod, known)
		a.Verdict, a.Reason, a.Stall, a.Gone = Release, NotForeign, workload.Stall{}, !known
		return a, true
	case !foreign:
		return Assignment{}, false
	case pod.HostNetwork:
		a.Verdict, a.Reason = Exempt, HostNetwork
		return a, true
	case optedOut(space) && guarded:
		a.Verdict, a.Reason = Release, OptedOut
		return a, true
	case optedOut(space):
		a.Verdict, a.Reason = Exempt, OptedOut
		return a, true
	}
	a.Containers = MembersOf(box.Containers)
	a = enforced(a, proxy(box.Containers), pod, known)
	a.Suspended = apis.IsSuspended(space.Labels)
	if a.Suspended && a.Reason != ProxyMissing { // which is closed, too, and quarantined
		a.Reason, a.Stall = Suspended, workload.Stall{}
	}
	return a, true
}

// enforced completes the decision over a pod that is to be enforced by what is known of its proxy.
func enforced(a Assignment, proxy workload.Container, pod workload.Pod, known bool) Assignment {
	a.Verdict, a.Proxy, a.ProxyState = Enforce, proxy.ID, proxy.State
	switch {
	case proxy.State == workload.Running:
	case known && !pod.HasProxy && proxy.ID == "":
		a.Reason = ProxyMissing
	default:
		a.Reason, a.Stall = ProxyDown, pod.Stall
	}
	return a
}

// waiting is the decision over a foreign pod that has no sandbox.
func waiting(space workload.Namespace, pod workload.Pod) Assignment {
	a := Assignment{
		Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, Guest: apis.Guest(space.Labels),
		Verdict: Pending, Reason: NoSandbox,
	}
	switch {
	case pod.HostNetwork:
		a.Verdict, a.Reason = Exempt, HostNetwork
	case optedOut(space):
		a.Verdict, a.Reason = Exempt, OptedOut
	}
	return a
}

func optedOut(n workload.Namespace) bool {
	return apis.IsForeign(n.Labels) && !apis.IsGuarded(n.Labels)
}

// proxy is the container that the exemption belongs to: the newest one of that name that runs, else the newest that was
// created (some runtimes start its first process then). The zero value: none.
func proxy(containers []workload.Container) workload.Container {
	var best workload.Container
	for _, c := range containers {
		if c.Name != apis.ProxyContainerName || rank(c.State) == 0 {
			continue
		}
		if best.ID == "" || rank(c.State) > rank(best.State) ||
			rank(c.State) == rank(best.State) && c.CreatedAt > best.CreatedAt {
			best = c
		}
	}
	return best
}

// rank orders the states in which a container may hold processes; 0: it holds none.
func rank(s workload.State) int {
	switch s {
	case workload.Running:
		return 2
	case workload.Created:
		return 1
	default:
		return 0
	}
}
