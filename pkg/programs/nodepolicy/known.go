package nodepolicy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// known is what was recorded of the policies and of this node's pods, by which a change is told from what a list repeats. A pod that has no address,
// or that policies do not judge, is not there. Of one goroutine.
type known struct {
	node     string
	spaces   map[string]map[string]string // labels of all namespaces
	policies map[netpolicy.Key]map[string]string
	pods     map[netpolicy.Key]netpolicy.Pod
	details  map[netpolicy.Key]map[string]string // of pods, as they were recorded
	listed   map[netpol.Kind]map[netpolicy.Key]bool
}

func newKnown(node string) *known {
	return &known{
		node: node, spaces: map[string]map[string]string{}, policies: map[netpolicy.Key]map[string]string{}, pods: map[netpolicy.Key]netpolicy.Pod{},
		details: map[netpolicy.Key]map[string]string{}, listed: map[netpol.Kind]map[netpolicy.Key]bool{},
	}
}

// take notes a change, and returns the facts of what is another than before.
func (k *known) take(c netpol.Change) []fact.Fact {
	switch c := c.(type) {
	case netpol.ListBegins:
		k.listed[c.Kind] = map[netpolicy.Key]bool{}
	case netpol.Listed:
		return k.take(c.Change)
	case netpol.ListEnds:
		return k.unlisted(c.Kind)
	case netpol.NamespaceSeen:
		k.spaces[c.Namespace.Name] = c.Namespace.Labels
		return k.relabelled(c.Namespace.Name)
	case netpol.NamespaceGone:
		delete(k.spaces, c.Name)
		return k.relabelled(c.Name)
	case netpol.PodSeen:
		return k.pod(c.Pod)
	case netpol.PodGone:
		return k.podGone(c.Key)
	case netpol.PolicySeen:
		return k.policy(c.Policy)
	case netpol.PolicyGone:
		return k.policyGone(c.Key)
	}
	return nil
}

// unlisted ends a list: what it did not contain is gone.
func (k *known) unlisted(kind netpol.Kind) (facts []fact.Fact) {
	listed := k.listed[kind]
	delete(k.listed, kind)
	gone := func(key netpolicy.Key) bool { return listed != nil && !listed[key] }
	if kind == netpol.Pods {
		for _, key := range sorted(k.pods) {
			if gone(key) {
				facts = append(facts, k.podGone(key)...)
			}
		}
	}
	if kind == netpol.Policies {
		for _, key := range sorted(k.policies) {
			if gone(key) {
				facts = append(facts, k.policyGone(key)...)
			}
		}
	}
	return facts
}

func (k *known) list(kind netpol.Kind, key netpolicy.Key) {
	if k.listed[kind] != nil {
		k.listed[kind][key] = true
	}
}

func (k *known) policy(p netpolicy.Policy) []fact.Fact {
	k.list(netpol.Policies, p.Key)
	details := described(p)
	if maps.Equal(k.policies[p.Key], details) {
		return nil
	}
	k.policies[p.Key] = details
	return []fact.Fact{policyFact("Applied", p.Key, details)}
}

func (k *known) policyGone(key netpolicy.Key) []fact.Fact {
	if _, is := k.policies[key]; !is {
		return nil
	}
	delete(k.policies, key)
	return []fact.Fact{policyFact("Deleted", key, map[string]string{"name": key.String()})}
}

func (k *known) pod(p netpolicy.Pod) []fact.Fact {
	if p.Node != k.node || !p.Judged() || len(p.IPs) == 0 {
		return k.podGone(p.Key)
	}
	k.list(netpol.Pods, p.Key)
	return k.described(p)
}

// described returns the fact of a pod of which something else holds than was recorded.
func (k *known) described(p netpolicy.Pod) []fact.Fact {
	details := k.describe(p)
	before := k.details[p.Key]
	k.pods[p.Key], k.details[p.Key] = p, details
	if maps.Equal(before, details) {
		return nil
	}
	reason := "Changed"
	if before == nil {
		reason = "Added"
	}
	return []fact.Fact{k.podFact(reason, p.Key, details)}
}

func (k *known) podGone(key netpolicy.Key) []fact.Fact {
	if _, is := k.pods[key]; !is {
		return nil
	}
	delete(k.pods, key)
	delete(k.details, key)
	return []fact.Fact{k.podFact("Gone", key, nil)}
}

// relabelled returns the facts of a namespace's pods, whose details have its labels.
func (k *known) relabelled(space string) (facts []fact.Fact) {
	for _, key := range sorted(k.pods) {
		if key.Namespace == space {
			facts = append(facts, k.described(k.pods[key])...)
		}
	}
	return facts
}

// found returns a fact for each policy and each pod that is there.
func (k *known) found() (facts []fact.Fact) {
	for _, key := range sorted(k.policies) {
		facts = append(facts, policyFact("Found", key, k.policies[key]))
	}
	for _, key := range sorted(k.pods) {
		facts = append(facts, k.podFact("Found", key, k.details[key]))
	}
	return facts
}

func (k *known) podFact(reason string, key netpolicy.Key, details map[string]string) fact.Fact {
	guest := ""
	if spaceLabels := k.spaces[key.Namespace]; apis.IsForeign(spaceLabels) {
		guest = apis.Guest(spaceLabels)
	}
	message := "no policy finds the pod by its labels any more"
	if details != nil {
		message = "policies find the pod by these addresses and labels"
	}
	return fact.Fact{Kind: fact.PodSeen, Reason: reason, Subject: fact.Subject{Guest: guest, Namespace: key.Namespace, Pod: key.Name}, Message: message, Details: details}
}

// describe returns what policies see of a pod, as details.
func (k *known) describe(p netpolicy.Pod) map[string]string {
	ips, ports := make([]string, len(p.IPs)), make([]string, len(p.Ports))
	for i, ip := range p.IPs {
		ips[i] = ip.String()
	}
	for i, port := range p.Ports {
		ports[i] = fmt.Sprintf("%s/%s/%d", port.Name, port.Protocol, port.Number)
	}
	details := map[string]string{"ips": strings.Join(ips, ",")}
	cut := inParts(details, labels.Set(p.Labels).String(), "labels", "labels2") + inParts(details, labels.Set(k.spaces[p.Namespace]).String(), "spaceLabels", "spaceLabels2") +
		inParts(details, strings.Join(ports, ","), "ports")
	if cut > 0 {
		details["cut"] = fmt.Sprint(cut)
	}
	return details
}

func sorted[T any](m map[netpolicy.Key]T) []netpolicy.Key {
	return slices.SortedFunc(maps.Keys(m), func(a, b netpolicy.Key) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}
