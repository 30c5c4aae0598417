package agentapi

import (
	"fmt"
	"net/netip"
	"time"

	"data-space.liqo.io/pkg/values/iptables"
)

// EndpointsPath is answered with NodeStatus.
const EndpointsPath = "/v1/endpoints"

// State is what the agent has reached for a pod.
type State string

// The states.
const (
	Enforced State = "Enforced" // the kernel holds the whole ruleset, bound to the running proxy
	Closed   State = "Closed"   // the kernel holds the whole ruleset, which drops the pod's traffic while no proxy runs
	// Quarantined: nothing but answers to the kubelet's probes leaves the pod, whatever its containers may do.
	Quarantined State = "Quarantined"
	Failed      State = "Failed"  // the kernel does not hold the ruleset, or cannot be read
	Pending     State = "Pending" // the pod has no sandbox yet, or the agent has not looked at it yet
	Exempt      State = "Exempt"  // the pod is not guarded
)

// States returns all states.
func States() []State { return []State{Enforced, Closed, Quarantined, Failed, Pending, Exempt} }

// NodeStatus is the agent's account of its node.
type NodeStatus struct {
	Node        string           `json:"node"`
	Ready       bool             `json:"ready"`
	Backend     string           `json:"backend"`     // of iptables: nft or legacy
	BackendSign string           `json:"backendSign"` // how the backend is known
	Runtime     string           `json:"runtime"`
	Socket      string           `json:"criSocket"`
	Events      bool             `json:"runtimeEvents"` // the runtime announces changes; otherwise the agent lists its sandboxes often
	Problems    []string         `json:"problems,omitempty"`
	Endpoints   []EndpointStatus `json:"endpoints"`
}

// EndpointStatus is one foreign pod. Rules, Drift and Hash are read from the kernel when the question is answered.
type EndpointStatus struct {
	Namespace string       `json:"namespace"`
	Name      string       `json:"name"`
	UID       string       `json:"uid"`
	Guest     string       `json:"guest"`
	State     State        `json:"state"`
	Reason    string       `json:"reason,omitempty"`
	Message   string       `json:"message,omitempty"`
	Findings  []Finding    `json:"quarantine,omitempty"` // why the pod is quarantined
	Sandbox   string       `json:"sandbox,omitempty"`
	Netns     uint64       `json:"netns,omitempty"` // inode
	IPs       []netip.Addr `json:"ips,omitempty"`
	Proxy     *ProxyStatus `json:"proxy,omitempty"`

	Backend string          `json:"backend,omitempty"`
	Rules   iptables.Counts `json:"rules,omitempty"`
	Drift   []Difference    `json:"drift,omitempty"`
	Hash    string          `json:"hash,omitempty"` // of the rules, not of counters: equal hashes, equal rules

	Frames *FrameStatus `json:"frames,omitempty"`

	LastVerified  *time.Time `json:"lastVerified,omitempty"` // by the agent's own round, which also repairs
	LastWritten   *time.Time `json:"lastWritten,omitempty"`
	Writes        int        `json:"writes"`
	DriftRepaired int        `json:"driftRepaired"`
}

// ProxyStatus is the container that the rules exempt.
type ProxyStatus struct {
	Container   string `json:"container"`
	PID         int    `json:"pid"`
	Cgroup      string `json:"cgroup"`
	CgroupInode uint64 `json:"cgroupInode,omitempty"`
}

// Finding is one reason for which a pod is quarantined.
type Finding struct {
	Reason    string `json:"reason"`
	Container string `json:"container,omitempty"` // its name; empty: the pod as a whole
	Message   string `json:"message"`             // the cause, and the remedy
}

// Difference is one difference between the planned ruleset and the kernel's.
type Difference struct {
	Family string `json:"family"`
	Kind   string `json:"kind"`
	Where  string `json:"where"` // table, or table/chain
	What   string `json:"what"`
}

// String returns the difference for people.
func (d Difference) String() string {
	return fmt.Sprintf("%s %s: %s %s", d.Family, d.Where, d.Kind, d.What)
}

// FrameStatus is where the frames of a pod are filtered.
type FrameStatus struct {
	Node    []string `json:"node,omitempty"`    // links of the node with a filter
	Pod     []string `json:"pod,omitempty"`     // links of the pod with a filter
	Missing []string `json:"missing,omitempty"` // places that hold no filter, each with the cause
	Open    []string `json:"open,omitempty"`    // links of the pod without any filter
	Dropped uint64   `json:"dropped"`           // frames that are not IPv4, IPv6 or ARP, since this agent knows the pod
}
