package assign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

const uid = "uid-1"

// space is a namespace with the labels given as key, value, ….
func space(name string, labels ...string) workload.Namespace {
	n := workload.Namespace{Name: name, Labels: map[string]string{}}
	for i := 0; i+1 < len(labels); i += 2 {
		n.Labels[labels[i]] = labels[i+1]
	}
	return n
}

func foreign(more ...string) workload.Namespace {
	return space("pharma", append([]string{apis.LabelRemoteCluster, "pharma-1"}, more...)...)
}

func pod(edit ...func(*workload.Pod)) workload.Pod {
	p := workload.Pod{Namespace: "pharma", Name: "job", UID: uid, HasProxy: true}
	for _, e := range edit {
		e(&p)
	}
	return p
}

func box(id string, ready bool, created int64, containers ...workload.Container) workload.Sandbox {
	return workload.Sandbox{ID: id, Namespace: "pharma", Name: "job", UID: uid, Ready: ready, CreatedAt: created, Containers: containers}
}

func proxy(id string, s workload.State, created int64) workload.Container {
	return workload.Container{ID: id, Name: apis.ProxyContainerName, State: s, CreatedAt: created}
}

func app(id string) workload.Container {
	return workload.Container{ID: id, Name: "app", State: workload.Running}
}

func TestJoin(t *testing.T) {
	enforce := assign.Assignment{Namespace: "pharma", Name: "job", UID: uid, Guest: "pharma-1", Verdict: assign.Enforce, Sandbox: "box"}
	with := func(edit func(*assign.Assignment)) *assign.Assignment {
		a := enforce
		edit(&a)
		return &a
	}
	down := func(a *assign.Assignment) { a.Reason = assign.ProxyDown }
	stall := workload.Stall{Reason: "ImagePullBackOff", Message: "no such image"}
	running := proxy("envoy", workload.Running, 1)

	tests := map[string]struct {
		world assign.World
		want  *assign.Assignment // nil: the pod is not named
	}{
		"a foreign pod with a running proxy is enforced and bound to it": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()}, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("box", true, 1, app("a"), running)}},
			with(func(a *assign.Assignment) { a.Proxy, a.ProxyState = "envoy", workload.Running }),
		},
		"the runtime alone is enough: the API server need not know the pod": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()},
				Sandboxes: []workload.Sandbox{box("box", true, 1)}},
			with(down),
		},
		"without a running proxy the pod is closed": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()}, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("box", true, 1, proxy("envoy", workload.Exited, 1), proxy("odd", workload.Unknown, 2))}},
			with(down),
		},
		"what the kubelet says of a waiting proxy is passed on": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()},
				Pods:      []workload.Pod{pod(func(p *workload.Pod) { p.Stall = stall })},
				Sandboxes: []workload.Sandbox{box("box", true, 1)}},
			with(func(a *assign.Assignment) { a.Reason, a.Stall = assign.ProxyDown, stall }),
		},
		"and is old news once the proxy runs": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()},
				Pods:      []workload.Pod{pod(func(p *workload.Pod) { p.Stall = stall })},
				Sandboxes: []workload.Sandbox{box("box", true, 1, running)}},
			with(func(a *assign.Assignment) { a.Proxy, a.ProxyState = "envoy", workload.Running }),
		},
		"a pod that has no proxy at all is closed": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()},
				Pods:      []workload.Pod{pod(func(p *workload.Pod) { p.HasProxy = false })},
				Sandboxes: []workload.Sandbox{box("box", true, 1, app("a"))}},
			with(func(a *assign.Assignment) { a.Reason = assign.ProxyMissing }),
		},
		"a proxy that was created and not started may have a process already": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()}, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("box", true, 1, proxy("old", workload.Exited, 1), proxy("new", workload.Created, 2))}},
			with(func(a *assign.Assignment) {
				a.Reason, a.Proxy, a.ProxyState = assign.ProxyDown, "new", workload.Created
			}),
		},
		"a running proxy goes before a created one, and the newest before older ones": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()}, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("box", true, 1, proxy("created", workload.Created, 9),
					proxy("first", workload.Running, 1), proxy("second", workload.Running, 2), proxy("zeroth", workload.Running, 0))}},
			with(func(a *assign.Assignment) { a.Proxy, a.ProxyState = "second", workload.Running }),
		},
		"of several sandboxes only one that is ready counts, the newest": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()}, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("dead", false, 9), box("box", true, 2), box("older", true, 1)}},
			with(down),
		},
		"a pod without a sandbox is pending": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()}, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("dead", false, 1)}},
			with(func(a *assign.Assignment) { a.Verdict, a.Reason, a.Sandbox = assign.Pending, assign.NoSandbox, "" }),
		},
		"a pod that has run to its end is not waited for": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()},
				Pods: []workload.Pod{pod(func(p *workload.Pod) { p.Done = true })}},
			nil,
		},
		"a pod of a suspended guest is closed, whichever proxy runs": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign(apis.LabelSuspended, "true")}, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("box", true, 1, app("b"), running)}},
			with(func(a *assign.Assignment) {
				a.Suspended, a.Reason, a.Proxy, a.ProxyState = true, assign.Suspended, "envoy", workload.Running
			}),
		},
		"and one without a proxy is quarantined as always": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign(apis.LabelSuspended, "true")},
				Pods:      []workload.Pod{pod(func(p *workload.Pod) { p.HasProxy = false })},
				Sandboxes: []workload.Sandbox{box("box", true, 1, app("a"))}},
			with(func(a *assign.Assignment) { a.Suspended, a.Reason = true, assign.ProxyMissing }),
		},
		"a hostNetwork pod is exempt": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()},
				Pods:      []workload.Pod{pod(func(p *workload.Pod) { p.HostNetwork = true })},
				Sandboxes: []workload.Sandbox{box("box", true, 1)}},
			with(func(a *assign.Assignment) { a.Verdict, a.Reason = assign.Exempt, assign.HostNetwork }),
		},
		"also before it has a sandbox": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign()},
				Pods: []workload.Pod{pod(func(p *workload.Pod) { p.HostNetwork = true })}},
			with(func(a *assign.Assignment) { a.Verdict, a.Reason, a.Sandbox = assign.Exempt, assign.HostNetwork, "" }),
		},
		"a namespace that opted out is exempt": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign(apis.LabelApplyWebhook, "false")},
				Pods: []workload.Pod{pod()}, Sandboxes: []workload.Sandbox{box("box", true, 1)}},
			with(func(a *assign.Assignment) { a.Verdict, a.Reason = assign.Exempt, assign.OptedOut }),
		},
		"also for a pod without a sandbox": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign(apis.LabelApplyWebhook, "false")}, Pods: []workload.Pod{pod()}},
			with(func(a *assign.Assignment) { a.Verdict, a.Reason, a.Sandbox = assign.Exempt, assign.OptedOut, "" }),
		},
		"any other value of that label changes nothing": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign(apis.LabelApplyWebhook, "no")},
				Pods: []workload.Pod{pod()}, Sandboxes: []workload.Sandbox{box("box", true, 1)}},
			with(down),
		},
		"a guarded pod of a namespace that opts out is released": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign(apis.LabelApplyWebhook, "false")}, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("box", true, 1)}, Guarded: map[string]string{"box": "pharma-1"}},
			with(func(a *assign.Assignment) { a.Verdict, a.Reason = assign.Release, assign.OptedOut }),
		},
		"a guarded pod whose namespace is no longer a guest's is released": {
			assign.World{Synced: true, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("box", true, 1)}, Guarded: map[string]string{"box": "pharma-1"}},
			with(func(a *assign.Assignment) { a.Verdict, a.Reason = assign.Release, assign.NotForeign }),
		},
		"but not while the namespaces are not all known": {
			assign.World{Sandboxes: []workload.Sandbox{box("box", true, 1, running)}, Guarded: map[string]string{"box": "pharma-1"}},
			with(func(a *assign.Assignment) { a.Proxy, a.ProxyState = "envoy", workload.Running }),
		},
		"a pod of the hospital's own is not named": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{space("pharma")}, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("box", true, 1)}},
			nil,
		},
		"nor one of Liqo's tenant namespace": {
			assign.World{Synced: true, Namespaces: []workload.Namespace{foreign(apis.LabelTenantNamespace, "true")}, Pods: []workload.Pod{pod()},
				Sandboxes: []workload.Sandbox{box("box", true, 1)}},
			nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := assign.Join(test.world)
			if test.want == nil {
				require.Empty(t, got)
				return
			}
			for _, box := range test.world.Sandboxes {
				if box.ID == test.want.Sandbox && test.want.Verdict == assign.Enforce {
					test.want.Containers = assign.MembersOf(box.Containers)
				}
			}
			require.Equal(t, map[string]assign.Assignment{uid: *test.want}, got)
		})
	}
}

func TestWayOutNamesWhatToLookAt(t *testing.T) {
	for reason, part := range map[string]string{
		"ErrImagePull":               "image",
		"CrashLoopBackOff":           "kubectl logs -n pharma job -c data-space-proxy --previous",
		"CreateContainerConfigError": "ConfigMap data-space-envoy-config exists in namespace pharma",
		"SomethingNew":               "kubectl describe pod -n pharma job",
	} {
		require.Contains(t, assign.WayOut("pharma", "job", workload.Stall{Reason: reason}), part)
	}
}
