package nodepolicy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/reconcilers/noderules"
	"data-space.liqo.io/pkg/values/fact"
)

// verify looks at what the kernel holds: when the lists are complete, then from time to time and after a failure.
func (p *Policies) verify(ctx context.Context) {
	for {
		wait := p.Verify
		if p.told.Load() && !p.round(ctx) {
			wait = retryPause
		}
		p.rounds.Add(1)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-p.look:
			timer.Stop()
		}
	}
}

// verifyPatience bounds how long a verification that was asked for is waited for.
const verifyPatience = 30 * time.Second

// verifyNow has the kernel read and compared with the plan, and waits until that is done. What is found is in the status.
func (p *Policies) verifyNow(ctx context.Context) {
	before := p.rounds.Load()
	ctx, cancel := context.WithTimeout(ctx, verifyPatience)
	defer cancel()
	for ctx.Err() == nil && p.rounds.Load() < before+2 { // the first may have begun before
		p.wake(p.look)
		pause(ctx, 20*time.Millisecond)
	}
}

// round looks once, and reports whether all is well then.
func (p *Policies) round(ctx context.Context) bool {
	writing, cancel := toTheEnd(ctx)
	defer cancel()
	findings, err := p.filter.Converge(writing)
	if errors.Is(err, noderules.ErrRetired) {
		return true
	}
	if p.begun.Load() {
		p.report(findings)
	}
	p.recordRefused(p.metrics.looked(p.sight.Refused(), err))
	if err != nil {
		p.seen.trouble(err.Error())
		p.Log.Error("the node's filter is not as policies want it; it is tried again", "error", err)
		return false
	}
	p.seen.looked(time.Now())
	if !p.begun.Swap(true) {
		s := p.sight.Summary()
		p.Log.Info("NetworkPolicy is in force", "policies", s.Policies, "selectingHere", s.PoliciesOn, "podsHere", s.LocalPods,
			"written", len(findings), "podCIDRs", p.sight.PodCIDRs())
		p.recordInForce(s)
	}
	p.wake(p.cut)
	p.bridges()
	p.marks(writing)
	p.refreshRanges(ctx)
	return true
}

// report logs what another program had changed.
func (p *Policies) report(findings []nodefilter.Finding) {
	if len(findings) == 0 {
		return
	}
	p.metrics.drift.Add(float64(len(findings)))
	p.seen.drifted(findings)
	texts := make([]string, 0, maxShown)
	for _, f := range findings[:min(len(findings), maxShown)] {
		texts = append(texts, f.String())
	}
	p.Log.Warn("somebody had changed the node's filter: repaired", "event", "PolicyDriftRepaired", "findings", len(findings), "first", texts)
	p.emit(fact.Fact{Kind: "PolicyDriftRepaired", Warning: true, Count: int64(len(findings)), Message: "the node's filter had been changed and is as planned again: " + strings.Join(texts, "; ")})
}

// bridges finds pods that reach each other without passing the filter, and logs them once.
func (p *Policies) bridges() {
	escapes, err := p.sight.Escapes()
	if err != nil {
		p.Log.Warn("whether bridged packets pass the filter cannot be told", "error", err)
		return
	}
	for _, e := range p.seen.escaping(escapes) {
		p.Log.Error("policies do not hold between all pods of this node", "event", "PolicyBypassed", "reason", e.String())
		p.emit(fact.Fact{Kind: "PolicyBypassed", Warning: true, Message: e.String()})
	}
}

// marksPause is the time between two searches for rules of other programs that use our mark bits.
const marksPause = 10 * time.Minute

// marks looks for rules of other programs that use our mark bits, and reports each once.
func (p *Policies) marks(ctx context.Context) {
	if time.Since(p.marksAt) < marksPause {
		return
	}
	p.marksAt = time.Now()
	uses, err := p.sight.MarkUses(ctx)
	if err != nil {
		p.Log.Warn("some rules of other programs cannot be read: whether they use the packet marks of --policy-marks is not known", "error", err)
	}
	for _, u := range p.seen.marked(uses) {
		p.Log.Warn("another program uses the same packet marks", "event", "MarkCollision", "reason", markProblem(u))
		p.emit(fact.Fact{Kind: "MarkCollision", Warning: true, Message: markProblem(u)})
	}
}

func markProblem(u netpol.MarkUse) string {
	return fmt.Sprintf("%s uses packet mark %s, whose bits --policy-marks clears on packets of pods that a NetworkPolicy selects: "+
		"give --policy-marks two bits that no other program uses", u, u.Mark)
}

// refreshRanges asks the API server again for the networks of the pods while they are not known.
func (p *Policies) refreshRanges(ctx context.Context) {
	if len(p.sight.PodCIDRs()) > 0 {
		return
	}
	if node, err := p.ask(ctx); err == nil {
		p.ranges(ctx, node)
	}
}

// cuts ends the connections that are forbidden since the last change. It collects changes a little, and never takes more
// than a part of the time.
func (p *Policies) cuts(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.cut:
		}
		pause(ctx, collecting)
		if ctx.Err() != nil || !p.begun.Load() {
			continue
		}
		started := time.Now()
		n, err := p.filter.Cut()
		if n > 0 {
			p.metrics.cut.Add(float64(n))
			p.Log.Info("connections ended that policies no longer allow", "connections", n)
		}
		if err != nil {
			p.Log.Error("connections that policies no longer allow may go on; it is tried again", "error", err)
			p.wake(p.cut)
		}
		const part = 10
		pause(ctx, part*time.Since(started))
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
