package house

import "slices"

// exceptions are the edges between neighbours that are allowed because they are named here, with the reason.
// A test fails when an edge is listed that no longer exists, so the lists stay as short as the code allows.
func exceptions() []edge {
	return slices.Concat(neighbours(), debts())
}

// neighbours are edges that are right as they are.
func neighbours() []edge {
	return []edge{
		{"pkg/decisions/inject", "pkg/decisions/envoy", "the injected container's arguments and ports are those of the proxy's configuration"},
		{"pkg/effects/dataplane", "pkg/effects/netns", "rules are written from within the pod's network namespace"},
		{"pkg/effects/dataplane", "pkg/effects/xtables", "rules of pods are written by the iptables programs"},
		{"pkg/effects/nodefilter", "pkg/effects/xtables", "rules and sets of the node are written by the iptables and ipset programs"},
		{"pkg/effects/xtables", "pkg/effects/netns", "the programs run within a network namespace"},
		{"pkg/effects/hostlink", "pkg/effects/netns", "the pod's end of a link is in its network namespace"},
		{"pkg/effects/nodefilter", "pkg/effects/netns", "rules are written from within the node's network namespace, and tried in a scratch namespace first"},
		{"pkg/effects/podnet", "pkg/effects/netns", "sysctls and routes are set from within the pod's network namespace"},
		{"pkg/effects/sockets", "pkg/effects/netns", "sockets are listed from within the pod's network namespace"},
		{"pkg/effects/cniconf", "pkg/effects/atomicfile", "it replaces files on the node"},
		{"pkg/effects/ledger", "pkg/effects/atomicfile", "it replaces files on the node"},
		{"pkg/effects/seccompfile", "pkg/effects/atomicfile", "it replaces files on the node"},
		{"pkg/effects/spacefile", "pkg/effects/atomicfile", "it replaces files on the node"},
		{"demo/story/accesslog", "pkg/decisions/record", "what began and how it ended are two lines of the proxy, which are put together in one place"},
		{"pkg/effects/dataplane", "pkg/effects/fault", "tests end the agent between two tables"},
	}
}

// debts are edges that should go, each with what must happen first. The list only shrinks: debtCeiling is lowered with it.
func debts() []edge {
	return []edge{
		{"demo/story/scenario", "pkg/decisions/netpol", "a row compares the node's chains with their names; agent explain should answer it"},
		{"demo/story/scenario", "pkg/effects/netns", "rows look into pods' network namespaces; moves to test with the cluster driver"},
		{"demo/story/wire", "pkg/effects/netns", "the capture enters pods' network namespaces; moves to test"},
		{"test/leak/field", "demo/story/scenario", "the driver of the lab's cluster; moves to test"},
		{"test/leak/leaktest", "demo/story/scenario", "the driver of the lab's cluster; moves to test"},
		{"test/lab", "demo/story/scenario", "the driver of the lab's cluster and the claims; the driver moves to test"},
		{"test/leak/field", "demo/story/wire", "the capture of a pod's link; moves to test"},
		{"test/leak/trial", "demo/story/wire", "the capture of a pod's link; moves to test"},
		{"test/leak", "demo/story/wire", "the capture of a pod's link; moves to test"},
		{"test/lab", "demo/story/wire", "the capture of a pod's link; moves to test"},
		{"test/lab", "demo/story/ask", "the DNS client; moves to test"},
		{"test/api/resolver", "demo/story/ask", "the DNS client; moves to test"},
	}
}

// debtCeiling is the number of debts at which it stands. Lower it when one goes; it is never raised.
const debtCeiling = 12

// bound is what a program's wiring may grow to, in lines of Go that are no test.
type bound struct {
	ceiling int // today's size: a test refuses more, and refuses a ceiling that has become too high
	target  int // what it should be
}

// sizes bounds each cmd/* as a whole: a main that grows is a program that lives in the wrong ring.
func sizes() map[string]bound {
	return map[string]bound{
		"cmd/agent":      {ceiling: 1480, target: 400},
		"cmd/cni":        {ceiling: 20, target: 20},
		"cmd/controller": {ceiling: 330, target: 150},
		"cmd/webhook":    {ceiling: 300, target: 150},
	}
}
