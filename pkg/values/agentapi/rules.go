package agentapi

import "net/url"

// RulesPath is answered with PodRules; the URL's query names the pod by "namespace" and "name".
const RulesPath = EndpointsPath + "/rules"

// NoForeignPod begins the refusal of a question about a pod that is not foreign, or not of the node.
const NoForeignPod = "no foreign pod "

// RulesURL returns the path and the query for a pod.
func RulesURL(namespace, name string) string {
	return RulesPath + "?" + url.Values{"namespace": {namespace}, "name": {name}}.Encode()
}

// PodRules is what the kernel holds in a pod's network namespace, read when the question is answered.
type PodRules struct {
	EndpointStatus
	Chains []RuleChain `json:"chains"`
}

// RuleChain is a chain of iptables.
type RuleChain struct {
	Family  string `json:"family"` // ipv4 or ipv6
	Table   string `json:"table"`
	Name    string `json:"name"`
	Policy  string `json:"policy,omitempty"` // of a built-in chain
	Packets uint64 `json:"packets"`          // that met the policy
	Rules   []Rule `json:"rules"`
}

// Rule is a rule of a chain.
type Rule struct {
	Words   string `json:"words"`             // as iptables-save prints it
	Reason  string `json:"reason"`            // why the agent planned it, or that it did not
	Promise string `json:"promise,omitempty"` // what it keeps; none: another program's
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}
