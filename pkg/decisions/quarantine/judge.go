package quarantine

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// Reason is why a pod cannot be left to its rules.
type Reason string

// The reasons.
const (
	Capabilities    Reason = "Capabilities"    // a container may reach the network past its sockets, or undo the rules
	Runtime         Reason = "Runtime"         // its network stack may be another than this kernel's
	OtherNetwork    Reason = "OtherNetwork"    // a container lives in a network namespace that holds no rules
	UserNamespace   Reason = "UserNamespace"   // the kernel takes no rules there that match users
	SharedProcesses Reason = "SharedProcesses" // a container of the pod can access the proxy's process
	ProxyMissing    Reason = "ProxyMissing"    // it was not injected
)

// Reasons lists all reasons, the worst first.
func Reasons() []Reason {
	return []Reason{Capabilities, Runtime, OtherNetwork, UserNamespace, SharedProcesses, ProxyMissing}
}

// Container is a container of the pod, of any kind, also one that has ended.
type Container struct {
	workload.Confinement
	ID, Name string
	Ended    bool
}

// Pod is what the judgement rests on.
type Pod struct {
	Containers     []Container
	Runtime        workload.Runtime
	Net            uint64 // inode of the network namespace that holds the rules
	HostPID        uint64 // inode of the node's own PID namespace
	UserNamespaced bool   // the network namespace belongs to another user namespace than the node's
	ProxyMissing   bool
}

// Settings is what may differ between nodes.
type Settings struct {
	Handlers []string // runtime handlers known to leave the pod's network to this kernel, besides the usual ones
}

// Finding is one reason to quarantine a pod.
type Finding struct {
	Reason    Reason `json:"reason"`
	Container string `json:"container,omitempty"` // its name; empty: the pod as a whole
	ID        string `json:"-"`
	Message   string `json:"message"` // what, and how to cure it
}

// harmless are the capabilities that a container may have: those that admission leaves it. What reaches the network past
// sockets (NET_RAW, NET_ADMIN, BPF), other processes (SYS_PTRACE), or the node is not among them, nor is what is unknown.
func harmless() workload.Capabilities {
	return workload.CapabilitySet("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
		"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT")
}

// Judge returns the reasons to quarantine the pod, the worst first. None: the pod's rules contain it.
func Judge(p Pod, s Settings) []Finding {
	var found []Finding
	for _, c := range p.Containers {
		found = append(found, judgeContainer(p, c)...)
	}
	found = append(found, judgeProcesses(p)...)
	if !understood(p.Runtime, s.Handlers) {
		found = append(found, Finding{Reason: Runtime, Message: fmt.Sprintf("runtime %s may have a network stack that the rules do not see; "+
			"remove runtimeClassName, or name the handler in the agent's --runtime-handlers if it leaves the network to the node's kernel",
			name(p.Runtime))})
	}
	if p.UserNamespaced {
		found = append(found, Finding{Reason: UserNamespace,
			Message: "the kernel cannot match the proxy's user in a pod with a user namespace of its own; create the pod again with hostUsers: true"})
	}
	if p.ProxyMissing {
		found = append(found, Finding{Reason: ProxyMissing, Message: fmt.Sprintf("it has no container %s: it was created before Data Spacer's "+
			"webhook worked, or past it; create the pod again", apis.ProxyContainerName)})
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return slices.Index(Reasons(), a.Reason) - slices.Index(Reasons(), b.Reason)
	})
	return found
}

// judgeContainer judges a container for itself. One that has ended counts as long as the runtime knows it: it may come
// back, and who could change the network may have left something there that goes on without it (tc, a tunnel).
func judgeContainer(p Pod, c Container) []Finding {
	excess := c.Bounding &^ harmless()
	var found []Finding
	if excess != 0 {
		found = append(found, Finding{Reason: Capabilities, Container: c.Name, ID: c.ID, Message: fmt.Sprintf(
			"container %s may use %s, with which packets pass the rules; create the pod again without", c.Name, excess)})
	}
	if !c.Ended && c.Net != 0 && c.Net != p.Net {
		found = append(found, Finding{Reason: OtherNetwork, Container: c.Name, ID: c.ID, Message: fmt.Sprintf(
			"container %s lives in another network namespace than its pod; create the pod again", c.Name)})
	}
	return found
}

// judgeProcesses finds those who see the proxy's processes, or the node's. Who has seen the proxy's may have changed it: he
// counts when he has ended, too, as long as that proxy is there.
func judgeProcesses(p Pod) []Finding {
	var found []Finding
	for _, c := range p.Containers {
		with := ""
		switch {
		case c.PID != 0 && c.PID == p.HostPID:
			with = "the node"
		case c.Name == apis.ProxyContainerName && !c.Ended && c.Joined != "":
			with = "the rest of the pod"
		case slices.ContainsFunc(p.Containers, c.reachesInto):
			with = "the proxy"
		default:
			continue
		}
		found = append(found, Finding{Reason: SharedProcesses, Container: c.Name, ID: c.ID, Message: fmt.Sprintf(
			"container %s shares its processes with %s; create the pod again without shareProcessNamespace and hostPID, and let no "+
				"ephemeral container target the proxy", c.Name, with)})
	}
	return found
}

// reachesInto reports whether the container lives, or has lived, in the PID namespace of a proxy that runs.
func (c Container) reachesInto(proxy Container) bool {
	if c.Name == apis.ProxyContainerName || proxy.Name != apis.ProxyContainerName || proxy.PID == 0 {
		return false
	}
	return c.PID == proxy.PID || c.Joined == fmt.Sprintf("/proc/%d/ns/pid", proxy.Process)
}

// understood reports whether what runs in the sandbox are processes of this kernel, in the network namespace of the pod.
func understood(r workload.Runtime, handlers []string) bool {
	if r.Handler != "" && slices.Contains(handlers, r.Handler) {
		return true
	}
	usual := []string{"", "runc", "crun", "youki"}
	if r.Type == "" {
		return slices.Contains(usual, r.Handler)
	}
	program := r.Binary
	if program != "" {
		program = path.Base(program)
	}
	return strings.HasPrefix(r.Type, "io.containerd.runc.") && slices.Contains(usual, program)
}

func name(r workload.Runtime) string {
	words := []string{r.Handler}
	if r.Handler == "" {
		words[0] = "(default)"
	}
	if r.Type != "" {
		words = append(words, r.Type)
	}
	if r.Binary != "" {
		words = append(words, r.Binary)
	}
	return strings.Join(words, " ")
}
