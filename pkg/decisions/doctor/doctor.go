package doctor

import (
	"slices"

	"data-space.liqo.io/pkg/values/agentapi"
)

// Observations are what was seen. What could not be read is in Unreadable.
type Observations struct {
	Nodes      []Node
	Workloads  []Workload        // Deployments and DaemonSets of the whole cluster
	Config     map[string]string // keys of ConfigMaps that are known, as "namespace/name/key"
	Felix      map[string]string // spec of Calico's FelixConfiguration "default"
	Namespaces []Namespace
	Admission  []string // names of webhook configurations and admission policies' bindings
	Unreadable []string
}

// Node is a node and its agent.
type Node struct {
	Name, Kernel string
	Offered      bool                   // it has the label of nodes with a ready agent
	HasAgent     bool                   // there is a pod of the agent
	Running      bool                   // the agent's container runs
	Trouble      string                 // why the agent did not answer; empty: it did, or was not asked
	Status       *agentapi.NodeStatus   // nil: it did not answer
	Policy       *agentapi.PolicyStatus // nil: it did not answer, or does not enforce NetworkPolicy
}

// Workload is a Deployment or DaemonSet.
type Workload struct {
	Namespace, Name string
	Args            []string // of all containers
	// Wanted and Ready are numbers of pods: of replicas, or for a DaemonSet of nodes.
	Wanted, Ready int32
}

// Namespace is a namespace that has a sign of a guest.
type Namespace struct {
	Name     string
	Label    string // the guest by Liqo's label
	Mark     string // the guest by the controller's mark
	Map      string // the guest by Liqo's NamespaceMap
	Lost     string // the controller's description of a lost label
	Released string // the guest that the Hospital released it from
	OptedOut bool
}

// Finding is one thing that is wrong, with its cure.
type Finding struct {
	// Where names the node, the program or the namespace; What the fact that was seen; Cure a command or a flag.
	Where   string `json:"where"`
	What    string `json:"what"`
	Cure    string `json:"cure"`
	Warning bool   `json:"warning,omitempty"` // it opens no way by itself
}

// Healthy reports whether no finding is a problem.
func Healthy(all []Finding) bool {
	return !slices.ContainsFunc(all, func(f Finding) bool { return !f.Warning })
}
