package nodepolicy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// recordInForce records that NetworkPolicy is in force from now on.
func (p *Policies) recordInForce(s netpol.Summary) {
	p.emit(fact.Fact{Kind: fact.PolicyInForce, Message: fmt.Sprintf("NetworkPolicy is in force: %d of %d policies select %d pods of this node", s.PoliciesOn, s.Policies, s.Isolated)})
}

// recordRefused records how many packets were refused since the last look, by reason.
func (p *Policies) recordRefused(more []nodefilter.Refused) {
	for _, r := range more {
		p.emit(fact.Fact{
			Kind: fact.PacketsRefused, Reason: string(r.Reason), Count: int64(min(r.Packets, 1<<62)),
			Message: "packets that NetworkPolicy does not allow were refused", Details: map[string]string{"family": string(r.Family)},
		})
	}
}

// mostFound bounds how many policies that were there before an agent started are recorded; further ones are counted.
const mostFound = 200

// recordChanges records what changed of policies, with their rules in words, and of this node's pods.
func (p *Policies) recordChanges(changes []netpol.Change) {
	for _, c := range changes {
		for _, f := range p.known.take(c) {
			if p.told.Load() { // before, the lists are not complete
				p.emit(f)
			}
		}
	}
}

// recordFound records the policies and this node's pods that are there when an agent starts.
func (p *Policies) recordFound() {
	facts := p.known.found()
	policies := 0
	for _, f := range facts {
		if f.Kind == fact.PolicyChanged {
			if policies++; policies > mostFound {
				continue
			}
		}
		p.emit(f)
	}
	if more := policies - mostFound; more > 0 {
		p.emit(fact.Fact{Kind: fact.FactsCounted, Reason: string(fact.PolicyChanged), Count: int64(more), Message: "so many more policies are there than are recorded one by one"})
	}
}

func policyFact(reason string, k netpolicy.Key, details map[string]string) fact.Fact {
	return fact.Fact{Kind: fact.PolicyChanged, Reason: reason, Subject: fact.Subject{Namespace: k.Namespace}, Message: "NetworkPolicy " + k.String(), Details: details}
}

// described returns the rules of a policy in words, as parts that fit into details, and the hash of all of them.
func described(policy netpolicy.Policy) map[string]string {
	text := strings.Join(policy.Lines(), " | ")
	sum := sha256.Sum256([]byte(text))
	details := map[string]string{"name": policy.String(), "sha256": hex.EncodeToString(sum[:])}
	if cut := inParts(details, text, "rules", "rules2", "rules3", "rules4"); cut > 0 {
		details["cut"] = strconv.Itoa(cut)
	}
	return details
}

// podFact returns the fact of a pod; without details it is gone.
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

// inParts adds a text as details that each are short enough, and returns how many bytes do not fit. The details do not keep the text in memory.
func inParts(details map[string]string, text string, names ...string) (cut int) {
	const part = 1000
	for _, name := range names {
		if n := min(part, len(text)); n > 0 {
			details[name], text = strings.Clone(text[:n]), text[n:]
		}
	}
	return len(text)
}
