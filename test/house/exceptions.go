package house

// exceptions are the edges between neighbours that are allowed because they are named here, with the reason.
// A test fails when an edge is listed that no longer exists, so the list stays as short as the code allows.
func exceptions() []edge {
	return []edge{
		{"pkg/decisions/inject", "pkg/decisions/envoy", "the injected container's arguments and ports are those of the proxy's configuration"},
		{"pkg/decisions/happening", "pkg/decisions/record", "the events of requests and names are read from the record's lines"},
		{"pkg/decisions/past", "pkg/decisions/happening", "the policies and pods of a time are those of the nodes' facts"},
		{"pkg/decisions/past", "pkg/decisions/netpol", "a connection of the past is judged as one of now"},
		{"pkg/decisions/report", "pkg/decisions/happening", "the page adds up the events that are watched"},
		{"pkg/decisions/window", "pkg/decisions/guestsettings", "what a caller sees is what the GuestPolicies of its guests show"},
		{"pkg/effects/dataplane", "pkg/effects/netns", "rules are written from within the pod's network namespace"},
		{"pkg/effects/dataplane", "pkg/effects/xtables", "rules of pods are written by the iptables programs"},
		{"pkg/effects/netevents", "pkg/effects/netns", "it listens from within the pod's network namespace"},
		{"pkg/effects/droplog", "pkg/effects/netns", "it listens from within the pod's network namespace"},
		{"pkg/effects/podhooks", "pkg/effects/netns", "it looks around in the pod's network namespace"},
		{"pkg/effects/podhooks", "pkg/effects/xtables", "which tables are planned there depends on the backend"},
		{"pkg/effects/podhooks", "pkg/effects/dataplane", "tables of the other backend are read and emptied as the planned ones are"},
		{"pkg/effects/podhooks", "pkg/effects/hostlink", "the table of the frame filter is planned there; tcx programs are found alike on both ends of a link"},
		{"pkg/effects/nodefilter", "pkg/effects/xtables", "rules and sets of the node are written by the iptables and ipset programs"},
		{"pkg/effects/xtables", "pkg/effects/netns", "the programs run within a network namespace"},
		{"pkg/effects/hostlink", "pkg/effects/netns", "the pod's end of a link is in its network namespace"},
		{"pkg/effects/nodefilter", "pkg/effects/netns", "rules are written from within the node's network namespace, and tried in a scratch namespace first"},
		{"pkg/effects/podnet", "pkg/effects/netns", "sysctls and routes are set from within the pod's network namespace"},
		{"pkg/effects/sockets", "pkg/effects/netns", "sockets are listed from within the pod's network namespace"},
		{"pkg/effects/cniconf", "pkg/effects/atomicfile", "it replaces files on the node"},
		{"pkg/effects/hookcert", "pkg/effects/atomicfile", "it replaces the file of the certificate"},
		{"pkg/effects/factlog", "pkg/effects/atomicfile", "it replaces files on the node"},
		{"pkg/effects/ledger", "pkg/effects/atomicfile", "it replaces files on the node"},
		{"pkg/effects/seccompfile", "pkg/effects/atomicfile", "it replaces files on the node"},
		{"pkg/effects/spacefile", "pkg/effects/atomicfile", "it replaces files on the node"},
		{"pkg/reconcilers/podrules", "pkg/reconcilers/socketmemory", "a proxy's memory is kept from when its rules are bound to its control group"},
		{"pkg/effects/witnessfile", "pkg/effects/atomicfile", "it replaces files on the node"},
		{"pkg/effects/dataplane", "pkg/effects/fault", "tests end the agent between two tables"},
	}
}

// bound is what a program's wiring may grow to, in lines of Go that are no test.
type bound struct {
	ceiling int // today's size: a test refuses more, and refuses a ceiling that has become too high
	target  int // what it should be
}

// largest is how many lines of Go, tests left out, a package may have. One that outgrows it has another one in it.
const largest = 1500

// largePackages are those that are larger, with a bound of their own. None may be added; one that has shrunk leaves the list.
func largePackages() map[string]int {
	return map[string]int{
		"pkg/programs/apiproxy": 3700, "pkg/decisions/netpol": 3300, "pkg/programs/controller": 3200, "pkg/programs/webhook": 3050, "pkg/programs/facts": 2300,
		"pkg/decisions/envoy": 2250, "pkg/decisions/leastpriv": 2000, "pkg/decisions/follow": 1850, "pkg/programs/workloads": 1750, "pkg/decisions/admit": 1700,
		"pkg/decisions/inject": 1650, "pkg/programs/kubectlplugin": 1650,
	}
}

// sizes bounds each cmd/* as a whole: a main that grows is a program that lives in the wrong ring.
func sizes() map[string]bound {
	return map[string]bound{
		"cmd/agent":             {ceiling: 1027, target: 400},
		"cmd/cni":               {ceiling: 20, target: 20},
		"cmd/controller":        {ceiling: 297, target: 150},
		"cmd/webhook":           {ceiling: 196, target: 150},
		"cmd/witness":           {ceiling: 62, target: 62},
		"cmd/kubectl-dataspace": {ceiling: 351, target: 351},
		"cmd/proxy":             {ceiling: 116, target: 100},
	}
}
