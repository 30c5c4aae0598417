package nodepolicy

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"data-space.liqo.io/pkg/effects/nodefilter"
)

// What the agent's local socket answers about policies.
const (
	StatusPath  = "/v1/networkpolicy"
	ExplainPath = "/v1/networkpolicy/explain"
	RetirePath  = "/v1/networkpolicy/retire"
)

// Status is what is in force on the node.
type Status struct {
	Node          string               `json:"node"`
	InForce       bool                 `json:"inForce"`
	Backend       string               `json:"backend"`
	Denial        string               `json:"denial"`
	Unknown       string               `json:"unknown"`
	PodCIDRs      []netip.Prefix       `json:"podCIDRs"`
	Policies      int                  `json:"policies"`       // of the cluster
	PoliciesOn    int                  `json:"policiesOnNode"` // those that select a pod of this node
	Pods          int                  `json:"pods"`           // of the cluster, with an address
	LocalPods     int                  `json:"localPods"`
	Isolated      int                  `json:"isolatedPods"` // of this node's, those that a policy selects
	LastVerified  *time.Time           `json:"lastVerified,omitempty"`
	DriftRepaired int                  `json:"driftRepaired"`
	LastDrift     []nodefilter.Finding `json:"lastDrift,omitempty"`
	Refused       []nodefilter.Refused `json:"refused,omitempty"`
	Problems      []string             `json:"problems,omitempty"`
}

// Status tells what is in force.
func (p *Policies) Status() Status {
	s := p.sight.Summary()
	out := Status{
		Node: p.Node, InForce: p.Ready(), Backend: p.Backend, Denial: string(p.Denial), Unknown: string(p.Unknown), PodCIDRs: p.sight.PodCIDRs(),
		Policies: s.Policies, PoliciesOn: s.PoliciesOn, Pods: s.Pods, LocalPods: s.LocalPods, Isolated: s.Isolated, Refused: p.sight.Refused(),
	}
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()
	if at := p.seen.lookedAt; !at.IsZero() {
		out.LastVerified = &at
	}
	out.DriftRepaired, out.LastDrift = p.seen.drifts, slices.Clone(p.seen.last)
	if p.seen.problem != "" {
		out.Problems = append(out.Problems, p.seen.problem)
	}
	if text := p.cluster.Problem(); text != "" {
		out.Problems = append(out.Problems, "API server: "+text)
	}
	if !p.told.Load() {
		out.Problems = append(out.Problems, "API server: the first complete lists have not arrived yet; what is on the node stays")
	}
	if out.InForce && len(out.PodCIDRs) == 0 {
		out.Problems = append(out.Problems, "the pod range of this node is not known, so addresses that no known pod holds are not closed: "+
			"the Node has no spec.podCIDRs; name the range in the agent's --pod-cidrs")
	}
	for _, e := range p.seen.escapes {
		out.Problems = append(out.Problems, e.String())
	}
	for _, u := range p.seen.marks[:min(len(p.seen.marks), maxShown)] {
		out.Problems = append(out.Problems, markProblem(u))
	}
	return out
}

// Print writes the status for people. Ages are relative to now.
func Print(w io.Writer, s Status, now time.Time) error {
	state, verified := "not in force yet", "never"
	if s.InForce {
		state = "in force"
	}
	if s.LastVerified != nil {
		verified = now.Sub(*s.LastVerified).Round(time.Second).String() + " ago"
	}
	_, err := fmt.Fprintf(w, "NetworkPolicy on node %s: %s, iptables-%s, denial %s; %d of %d policies select %d of %d pods here; verified %s; drift repaired %d\n",
		s.Node, state, s.Backend, s.Denial, s.PoliciesOn, s.Policies, s.Isolated, s.LocalPods, verified, s.DriftRepaired)
	for _, r := range s.Refused {
		if r.Packets > 0 {
			fmt.Fprintf(w, "refused: %d packets, %s, %s\n", r.Packets, r.Reason, r.Family)
		}
	}
	for _, p := range s.Problems {
		fmt.Fprintf(w, "problem: %s\n", p)
	}
	return err
}

// Handler answers on the local socket.
func (p *Policies) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+StatusPath, func(w http.ResponseWriter, _ *http.Request) { p.answer(w, p.Status()) })
	mux.HandleFunc("GET "+ExplainPath, func(w http.ResponseWriter, r *http.Request) {
		q, err := ParseQuestion(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		e, err := p.Explain(q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		p.answer(w, e)
	})
	mux.HandleFunc("POST "+RetirePath, func(w http.ResponseWriter, _ *http.Request) {
		p.filter.Retire()
		p.Log.Warn("told to let go of the node's filter: it is not written any more; restart the agent to have it again")
		p.answer(w, struct{}{})
	})
	return mux
}

func (p *Policies) answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(what); err != nil {
		p.Log.Debug("answer not delivered", "error", err)
	}
}
