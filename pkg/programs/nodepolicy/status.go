package nodepolicy

import (
	"encoding/json"
	"net/http"

	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/values/agentapi"
)

// Status returns what is in force.
func (p *Policies) Status() agentapi.PolicyStatus {
	s := p.sight.Summary()
	out := agentapi.PolicyStatus{
		Node: p.Node, InForce: p.Ready(), Backend: p.Backend, Denial: string(p.Denial), Unknown: string(p.Unknown), PodCIDRs: p.sight.PodCIDRs(),
		Policies: s.Policies, PoliciesOn: s.PoliciesOn, Pods: s.Pods, LocalPods: s.LocalPods, Isolated: s.Isolated, Refused: refusedPackets(p.sight.Refused()),
		Audited: p.audit.shown(),
	}
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()
	if at := p.seen.lookedAt; !at.IsZero() {
		out.LastVerified = &at
	}
	out.DriftRepaired, out.LastDrift = p.seen.drifts, driftFound(p.seen.last)
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

func driftFound(findings []nodefilter.Finding) []agentapi.PolicyDrift {
	var all []agentapi.PolicyDrift
	for _, f := range findings {
		all = append(all, agentapi.PolicyDrift{Family: string(f.Family), What: f.What, Name: f.Name, How: f.How})
	}
	return all
}

func refusedPackets(counts []nodefilter.Refused) []agentapi.Refused {
	var all []agentapi.Refused
	for _, r := range counts {
		all = append(all, agentapi.Refused{Family: string(r.Family), Reason: string(r.Reason), Packets: r.Packets})
	}
	return all
}

// Handler answers on the local socket.
func (p *Policies) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+agentapi.PolicyPath, func(w http.ResponseWriter, _ *http.Request) { p.answer(w, p.Status()) })
	mux.HandleFunc("GET "+agentapi.VerifyNodePath, func(w http.ResponseWriter, r *http.Request) {
		p.verifyNow(r.Context())
		p.answer(w, p.Status())
	})
	mux.HandleFunc("GET "+agentapi.ExplainPath, func(w http.ResponseWriter, r *http.Request) {
		q, err := agentapi.ParseQuestion(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		e, err := p.Explain(r.Context(), q)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		p.answer(w, e)
	})
	mux.HandleFunc("POST "+agentapi.RetirePath, func(w http.ResponseWriter, _ *http.Request) {
		p.filter.Retire()
		p.Log.Warn("NetworkPolicy enforcement stopped on request; restart the agent to resume")
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

func (p *Policies) reading() reading {
	r := reading{Summary: p.sight.Summary(), inForce: p.Ready()}
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()
	r.escapes = len(p.seen.escapes)
	return r
}
