package agentapi

import (
	"net/netip"
	"time"
)

// What the socket answers about NetworkPolicy.
const (
	PolicyPath  = "/v1/networkpolicy"         // PolicyStatus
	ExplainPath = "/v1/networkpolicy/explain" // Explanation of a Question, which is the URL's query
	RetirePath  = "/v1/networkpolicy/retire"  // POST: the agent stops writing the node's filter
)

// PolicyStatus is what is in force on the node.
type PolicyStatus struct {
	Node          string         `json:"node"`
	InForce       bool           `json:"inForce"`
	Backend       string         `json:"backend"`
	Denial        string         `json:"denial"`
	Unknown       string         `json:"unknown"`
	PodCIDRs      []netip.Prefix `json:"podCIDRs"`
	Policies      int            `json:"policies"`       // of the cluster
	PoliciesOn    int            `json:"policiesOnNode"` // those that select a pod of this node
	Pods          int            `json:"pods"`           // of the cluster, with an address
	LocalPods     int            `json:"localPods"`
	Isolated      int            `json:"isolatedPods"` // of this node's, those that a policy selects
	LastVerified  *time.Time     `json:"lastVerified,omitempty"`
	DriftRepaired int            `json:"driftRepaired"`
	LastDrift     []PolicyDrift  `json:"lastDrift,omitempty"`
	Refused       []Refused      `json:"refused,omitempty"`
	Audited       []Audited      `json:"audited,omitempty"` // by policies of workloads in mode Audit
	Problems      []string       `json:"problems,omitempty"`
}

// PolicyDrift is one difference between the planned node filter and the kernel's.
type PolicyDrift struct {
	Family string `json:"family,omitempty"`
	What   string `json:"what"` // "chain", "set" or "hook"
	Name   string `json:"name"`
	How    string `json:"how"` // "missing", "different" or "leftover"
}

// Refused is how many packets were refused for one reason.
type Refused struct {
	Family  string `json:"family"`
	Reason  string `json:"reason"`
	Packets uint64 `json:"packets"`
}

// Audited is how many connections a policy in mode Audit would have refused in one direction.
type Audited struct {
	Policy      string `json:"policy"`
	Direction   string `json:"direction"`
	Connections uint64 `json:"connections"`
}

// Explanation is what NetworkPolicy does to a connection on this node, and why.
type Explanation struct {
	Node    string `json:"node"`
	Allowed bool   `json:"allowed"`
	Unknown bool   `json:"unknownAddress,omitempty"` // an end of it is an address that no known pod holds, and such are closed
	Egress  Side   `json:"egress"`
	Ingress Side   `json:"ingress"`
	Text    string `json:"text"`    // both in words, each in a line
	InForce bool   `json:"inForce"` // otherwise the kernel does not hold it yet
}

// Side is one direction of a connection.
type Side struct {
	Pod     string   `json:"pod,omitempty"` // whose direction it is; empty: it is not judged on this node
	Allowed bool     `json:"allowed"`
	Policy  string   `json:"policy,omitempty"`  // that allows it
	Rule    string   `json:"rule,omitempty"`    // of that policy
	Reason  string   `json:"reason,omitempty"`  // why a generated policy has the rule
	Against []string `json:"against,omitempty"` // the policies that select the pod, where none of them allows it
	Chain   string   `json:"chain,omitempty"`   // that decides in the kernel; empty: no policy judges this direction of the pod
}
