package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"data-space.liqo.io/pkg/values/agentapi"
)

// Pod is a pod of a foreign namespace as the API server has it.
type Pod struct {
	Namespace, Name, UID, Guest string
	Node                        string // empty: not scheduled
	Started                     bool   // it has an address, or its phase is past Pending
	Ended                       bool   // its containers have ended for good
	HostNetwork                 bool   // it uses the network of its node
	OptedOut                    bool   // the Hospital has taken the guard off its namespace
}

// Answer is the answer of one node's agent, or the reason for which there is no answer.
type Answer struct {
	Node string
	// Status is nil if the agent did not answer; Problem then has the reason.
	Status  *agentapi.NodeStatus
	Problem string
}

// Report is the judgement of a cluster. It is what "-o json" prints.
type Report struct {
	Healthy bool `json:"healthy"` // there is no problem
	// Nodes are all nodes of which there is an answer or on which a foreign pod runs, sorted by name.
	Nodes []Node `json:"nodes"`
	Pods  []Row  `json:"pods"`
}

// Node is the judgement of a node.
type Node struct {
	Name     string   `json:"name"`
	Backend  string   `json:"backend,omitempty"`
	Ready    bool     `json:"ready"`
	Pods     int      `json:"pods"` // foreign pods that run there
	Problems []string `json:"problems,omitempty"`
}

// Row is the judgement of a foreign pod.
type Row struct {
	Guest     string         `json:"guest"`
	Namespace string         `json:"namespace"`
	Name      string         `json:"name"`
	Node      string         `json:"node"`
	State     agentapi.State `json:"state"`
	Reason    string         `json:"reason,omitempty"`
	Backend   string         `json:"backend,omitempty"`
	Rules     int            `json:"rules"` // in the kernel
	Drift     int            `json:"drift"` // differences that the kernel has now
	// Repaired counts the repairs since the agent started.
	Repaired int `json:"driftRepaired"`
	// Written and Verified are times of the node's clock; nil: this agent has not done it yet.
	Written  *time.Time `json:"lastWritten,omitempty"`
	Verified *time.Time `json:"lastVerified,omitempty"`
	// Hash is of the rules without their counters: two pods with equal rules have equal hashes.
	Hash    string `json:"hash,omitempty"`
	Problem string `json:"problem,omitempty"` // with the remedy
}

// Judge returns the report about pods, which were listed before the agents were asked. Rows are sorted by guest, namespace and name.
func Judge(pods []Pod, answers []Answer) Report {
	r := Report{Healthy: true, Nodes: []Node{}, Pods: []Row{}}
	known := map[string]found{}
	for _, a := range answers {
		r.Nodes = append(r.Nodes, node(a))
		for i := range statusOf(a).Endpoints {
			known[statusOf(a).Endpoints[i].UID] = found{node: a.Node, endpoint: &statusOf(a).Endpoints[i]}
		}
	}
	for _, p := range pods {
		if p.Ended || p.Node == "" {
			continue
		}
		r.Pods = append(r.Pods, judge(p, known[p.UID], answers))
		if at := slices.IndexFunc(r.Nodes, func(n Node) bool { return n.Name == p.Node }); at >= 0 {
			r.Nodes[at].Pods++
		} else {
			r.Nodes = append(r.Nodes, Node{Name: p.Node, Pods: 1, Problems: []string{noAgent}})
		}
	}
	slices.SortFunc(r.Nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(r.Pods, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Guest, b.Guest), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	r.Healthy = !slices.ContainsFunc(r.Nodes, func(n Node) bool { return len(n.Problems) > 0 }) &&
		!slices.ContainsFunc(r.Pods, func(p Row) bool { return p.Problem != "" })
	return r
}

// Problems returns all problems in words.
func (r Report) Problems() []string {
	var all []string
	for _, n := range r.Nodes {
		for _, p := range n.Problems {
			all = append(all, fmt.Sprintf("node %s: %s", n.Name, p))
		}
	}
	for _, p := range r.Pods {
		if p.Problem != "" {
			all = append(all, fmt.Sprintf("pod %s/%s: %s", p.Namespace, p.Name, p.Problem))
		}
	}
	return all
}

// found is what an agent knows of a pod.
type found struct {
	node     string
	endpoint *agentapi.EndpointStatus
}

const noAgent = "no agent runs on this node, so what its foreign pods send is not confirmed; see \"kubectl -n data-spacer get pods -o wide\" for the reason"

func statusOf(a Answer) *agentapi.NodeStatus {
	if a.Status == nil {
		return &agentapi.NodeStatus{}
	}
	return a.Status
}

func node(a Answer) Node {
	n := Node{Name: a.Node, Backend: statusOf(a).Backend, Ready: statusOf(a).Ready, Problems: slices.Clone(statusOf(a).Problems)}
	switch {
	case a.Status == nil:
		n.Problems = append(n.Problems, cmp.Or(a.Problem, noAgent))
	case !a.Status.Ready:
		n.Problems = append(n.Problems, "the agent is not ready; its log has the reason, \"agent status\" the pods that it has not examined")
	}
	return n
}

func judge(p Pod, f found, answers []Answer) Row {
	row := Row{Guest: p.Guest, Namespace: p.Namespace, Name: p.Name, Node: p.Node, State: agentapi.Pending}
	if f.endpoint != nil {
		row = reported(row, f.endpoint)
	}
	row.Problem = problem(p, f, answers)
	return row
}

func reported(row Row, e *agentapi.EndpointStatus) Row {
	row.State, row.Reason, row.Backend, row.Hash = e.State, e.Reason, e.Backend, e.Hash
	row.Drift, row.Repaired, row.Written, row.Verified = len(e.Drift), e.DriftRepaired, e.LastWritten, e.LastVerified
	row.Rules = e.Rules.Total()
	return row
}

// problem returns why a pod is not known to be contained, or needs attention, with the remedy.
func problem(p Pod, f found, answers []Answer) string {
	answered := slices.ContainsFunc(answers, func(a Answer) bool { return a.Node == p.Node && a.Status != nil })
	switch {
	case p.HostNetwork && !p.OptedOut:
		return "the pod uses the network of its node, where nothing contains it: delete it, and find out how it passed admission"
	case p.OptedOut:
		return ""
	case !answered:
		return "the node's agent does not answer, so nothing confirms the pod's rules: see the node"
	case f.endpoint == nil && !p.Started:
		return ""
	case f.endpoint == nil:
		return "the node's agent does not know the pod: if that lasts, restart the agent, and read its log"
	case f.node != p.Node:
		return fmt.Sprintf("the agent of node %s reports the pod, which is bound to node %s", f.node, p.Node)
	}
	return endpointProblem(p, f.endpoint)
}

// endpointProblem returns why what the agent reports of a pod is a problem, or "". A state that this version does not know is one.
func endpointProblem(p Pod, e *agentapi.EndpointStatus) string {
	switch e.State {
	case agentapi.Enforced:
		if e.Frames != nil && len(e.Frames.Open) > 0 {
			return "a link of the pod has no frame filter: see docs/agent.md#the-frame-filter"
		}
		return ""
	case agentapi.Closed:
		return closedProblem(e)
	case agentapi.Pending:
		if p.Started {
			return "the pod runs, and the agent has not enforced it yet: if that lasts, read the agent's log"
		}
		return ""
	case agentapi.Exempt:
		return "the agent does not guard the pod, and its namespace does not say so: read its Events"
	default: // Quarantined, Failed, and states of a newer agent
		return cmp.Or(e.Message, "see the pod's Events")
	}
}

// closedProblem returns the problem of a pod whose traffic is dropped. A pod whose proxy does not run, or whose
// guest is suspended, is contained and has no problem.
func closedProblem(e *agentapi.EndpointStatus) string {
	if e.Reason == "ProxyMissing" {
		return "the pod has no proxy, so its rules drop all its traffic: create the pod again"
	}
	return e.Message
}
