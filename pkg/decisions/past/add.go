package past

import (
	"maps"

	"data-space.liqo.io/pkg/decisions/happening"
	"data-space.liqo.io/pkg/values/fact"
)

// Add adds a fact of a node's log, and reports whether it is about a pod or a policy that was not known. Those of a node come in their order. Of what happened after
// the time only that counts by which something is missing before.
func (r *Record) Add(e happening.Event) (added bool) {
	if e.Index < 0 {
		return false
	}
	n := r.node(e.Node)
	reached, withdrawn := n.moments.Passed(e)
	if reached {
		n.reached()
	}
	if withdrawn {
		n.withdrawn()
	}
	if n.then != nil && !e.Since().After(r.at) {
		n.then.missing(e)
	}
	counts := e.Kind == string(fact.FactsLost) || e.Kind == string(fact.FactsCounted)
	if counts && n.moments.Ends() && e.Since().After(r.at) {
		if n.ahead == nil {
			n.ahead = &e
		}
		return false
	}
	if n.ahead != nil && !counts {
		n.missing(*n.ahead)
		n.ahead = nil
	}
	known := len(n.pods) + len(n.policies)
	n.note(e)
	return len(n.pods)+len(n.policies) > known
}

// mostTurns bounds how often a node's state is kept: root of a node may write its log as it likes.
const mostTurns = 64

func (n *node) reached() {
	n.passed++
	if n.turns++; n.turns <= mostTurns {
		n.earlier, n.then = n.then, n.clone()
	}
}

func (n *node) withdrawn() {
	if n.turns > mostTurns {
		return // its clock passed the time more than once, as far as is known
	}
	n.passed--
	if n.over == nil {
		n.over = n.then
	}
	n.then = n.earlier
}

// at returns the node at the time.
func (n *node) at() *node {
	then, passed := n.then, n.passed
	if n.moments.Ends() {
		then, passed = n, passed+1
	}
	if then == nil {
		then = n.over // the clock did not show the time
	}
	then = then.clone()
	then.twice = passed > 1
	return then
}

// clone returns the node as it is now.
func (n *node) clone() *node {
	c := *n
	c.pods, c.policies, c.then, c.earlier, c.over = maps.Clone(n.pods), maps.Clone(n.policies), nil, nil, nil
	return &c
}
