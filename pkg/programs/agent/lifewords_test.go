package agent

import (
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/pkg/values/iptables"
	"data-space.liqo.io/pkg/values/workload"
)

// command is one word of the scripts: how many words its line has at least, and what it does. It returns what was answered.
type command struct {
	words int
	run   func(l *life, args []string) string
}

// commands are the words of the scripts. POD is NAMESPACE/NAME.
func commands() map[string]command {
	return map[string]command{
		"namespace":        {2, (*life).namespace},                                                                        // NAME [GUEST]
		"delete-namespace": {2, func(l *life, args []string) string { delete(l.cluster.spaces, args[0]); return "" }},     // NAME
		"suspend":          {2, func(l *life, args []string) string { return l.suspend(args[0], "true") }},                // NAMESPACE
		"resume":           {2, func(l *life, args []string) string { return l.suspend(args[0], "") }},                    // NAMESPACE
		"pod":              {2, (*life).pod},                                                                              // POD [without-proxy]
		"delete-pod":       {2, func(l *life, args []string) string { delete(l.cluster.pods, args[0]); return "" }},       // POD
		"network":          {2, (*life).network},                                                                          // POD: the runtime makes its network
		"listed":           {2, func(l *life, args []string) string { delete(l.node.unseen, l.box(args[0])); return "" }}, // POD: by the runtime
		"cni":              {2, func(l *life, args []string) string { return l.cni(args[0], gate.Add) }},                  // POD: the plugin asks
		"check":            {2, func(l *life, args []string) string { return l.cni(args[0], gate.Check) }},                // POD: the plugin asks
		"nri-sandbox":      {2, (*life).made},                                                                             // POD: the runtime announces the sandbox
		"nri-start":        {3, (*life).starting},                                                                         // POD CONTAINER [CAPABILITY]
		"start":            {3, func(l *life, args []string) string { l.run(args[0], args[1], args[2]); return "" }},      // POD CONTAINER [CAPABILITY]
		"kill":             {3, (*life).kill},                                                                             // POD CONTAINER
		"remove":           {3, (*life).remove},                                                                           // POD CONTAINER: the runtime knows it no longer
		"end":              {2, (*life).ended},                                                                            // POD: its sandbox
		"tamper":           {2, func(l *life, args []string) string { l.node.tamper(l.box(args[0])); return "" }},         // POD
		"kernel":           {2, func(l *life, args []string) string { l.node.failing = args[0] == "fails"; return "" }},   // fails|works
		"api":              {2, func(l *life, args []string) string { l.cluster.away = args[0] == "away"; return "" }},    // away|back
		"round":            {1, func(l *life, _ []string) string { return l.round(false) }},                               // the agent's, after a change
		"later":            {1, func(l *life, _ []string) string { return l.round(true) }},                                // also what waits for its time
		"restart":          {1, func(l *life, _ []string) string { l.start(); return "" }},                                // the agent
	}
}

func (l *life) namespace(args []string) string {
	s := workload.Namespace{Name: args[0], Labels: map[string]string{}}
	if args[1] != "" {
		s.Labels[apis.LabelRemoteCluster] = args[1]
	}
	l.cluster.spaces[args[0]] = s
	return ""
}

func (l *life) suspend(name, value string) string {
	s := l.cluster.spaces[name]
	s.Labels = maps.Clone(s.Labels)
	s.Labels[apis.LabelSuspended] = value
	l.cluster.spaces[name] = s
	return ""
}

func (l *life) pod(args []string) string {
	space, name, _ := strings.Cut(args[0], "/")
	l.cluster.pods[args[0]] = workload.Pod{Namespace: space, Name: name, UID: "uid-" + name, HasProxy: args[1] != "without-proxy"}
	return ""
}

// box returns the pod's latest sandbox.
func (l *life) box(pod string) string {
	l.t.Helper()
	id, made := l.node.boxOf(pod)
	require.True(l.t, made, "%s has no network yet", pod)
	return id
}

func (l *life) network(args []string) string {
	space, name, _ := strings.Cut(args[0], "/")
	id := l.node.nextBox(args[0])
	l.node.boxes[id] = workload.Sandbox{ID: id, Namespace: space, Name: name, UID: "uid-" + name, Ready: true, CreatedAt: int64(len(l.node.boxes))}
	l.node.unseen[id] = true
	l.node.netns[id] = &iptables.Saved{Family: iptables.V4}
	return ""
}

func (l *life) cni(pod string, op gate.Op) string {
	space, name, _ := strings.Cut(pod, "/")
	a := l.gate.Answer(l.t.Context(), gate.Request{
		Op: op, Container: l.box(pod), Netns: ownNetns, Namespace: space, Name: name, UID: "uid-" + name, IPs: []netip.Addr{podAddress},
	}, func() error { return nil })
	return "the plugin is answered: " + string(a.Verdict) + " (" + a.Reason + ")"
}

func (l *life) announced(pod string) nri.Pod {
	box := l.node.boxes[l.box(pod)]
	return nri.Pod{ID: box.ID, Namespace: box.Namespace, Name: box.Name, UID: box.UID, Netns: ownNetns, IPs: []netip.Addr{podAddress}}
}

func (l *life) made(args []string) string {
	return verdict(l.nri.Made(l.t.Context(), l.announced(args[0])))
}

// starting has the runtime announce a container, and run it if it may start.
func (l *life) starting(args []string) string {
	id, pid := l.create(args[0], args[1], args[2], workload.Created)
	box := l.box(args[0])
	err := l.nri.Starting(l.t.Context(), l.announced(args[0]), nri.Container{ID: id, Sandbox: box, Name: container(args[1]), PID: pid})
	state := workload.Running
	if err != nil {
		state = workload.Exited
	}
	l.node.setState(box, id, state)
	return verdict(err)
}

func verdict(err error) string {
	if err != nil {
		return "the runtime is answered: it must not start"
	}
	return "the runtime is answered: it may start"
}

func (l *life) run(pod, name, capability string) { l.create(pod, name, capability, workload.Running) }

// container returns the name of a container in full.
func container(name string) string {
	if name == "proxy" {
		return apis.ProxyContainerName
	}
	return name
}

func (l *life) create(pod, name, capability string, state workload.State) (id string, pid int) {
	l.t.Helper()
	box := l.node.boxes[l.box(pod)]
	id, pid = containerID(box.ID, name, len(box.Containers)+1), len(l.node.pids)+10
	box.Containers = append(box.Containers[:len(box.Containers):len(box.Containers)], workload.Container{
		ID: id, Name: container(name), State: state, CreatedAt: int64(pid),
	})
	l.node.boxes[box.ID], l.node.pids[id] = box, pid
	if capability != "" {
		l.node.caps[id] = workload.CapabilitySet(capability)
	}
	return id, pid
}

func (l *life) kill(args []string) string {
	box := l.node.boxes[l.box(args[0])]
	for _, c := range box.Containers {
		if c.Name == container(args[1]) && c.State != workload.Exited {
			require.NoError(l.t, l.node.end(c.ID))
			l.nri.Ended(nri.Container{ID: c.ID, Sandbox: box.ID, Name: c.Name})
			return ""
		}
	}
	require.Fail(l.t, "no such container runs", "%v", args)
	return ""
}

func (l *life) remove(args []string) string {
	box := l.node.boxes[l.box(args[0])]
	box.Containers = slices.DeleteFunc(slices.Clone(box.Containers), func(c workload.Container) bool { return c.Name == container(args[1]) })
	l.node.boxes[box.ID] = box
	return ""
}

func (l *life) ended(args []string) string {
	id := l.box(args[0])
	l.node.gone[id] = true
	delete(l.node.netns, id)
	return ""
}

// round has the agent decide over all pods, and do what is due; later also what waits for its time.
func (l *life) round(later bool) string {
	l.t.Helper()
	ctx := l.t.Context()
	boxes, err := l.node.List(ctx)
	require.NoError(l.t, err)
	require.NoError(l.t, l.agent.join(ctx, boxes))
	if later {
		for uid := range l.queue.later {
			l.agent.pods.update(uid, func(r *record) { r.verified = time.Time{} })
			l.queue.Add(uid)
		}
		clear(l.queue.later)
	}
	for l.queue.Len() > 0 {
		uid, _ := l.queue.Get()
		l.agent.carryOut(ctx, uid)
		l.queue.Done(uid)
	}
	return ""
}

func writeFile(t *testing.T, file string, text []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, text, 0o600))
}
