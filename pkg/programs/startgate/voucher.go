package startgate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"data-space.liqo.io/pkg/decisions/vouch"
	"data-space.liqo.io/pkg/effects/cniconf"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/gate"
	"data-space.liqo.io/pkg/values/nodelease"
)

// Node is what the gates of one node work with.
type Node struct {
	Chain   *cniconf.Chain  // nil: there is no first gate, and the agent does not vouch for its node
	NRI     func() string   // where the runtime's socket is now; nil: there is no second gate
	Runtime *sandbox.Client // the same runtime's
	Voucher *Voucher        // without its Gate; used with a chain
}

// Leases writes the Lease of the agent's node.
type Leases interface {
	// Write makes the Lease hold the state.
	Write(context.Context, nodelease.State) error
}

// Pods are the foreign pods that the agent knows.
type Pods interface {
	// Ready reports whether the agent has looked at every foreign pod that it found.
	Ready() bool
	// Guests counts the pods of each guest, for the Lease.
	Guests() []nodelease.GuestPods
}

// Networks reports which CNI configuration the runtime has loaded.
type Networks interface {
	// Network returns the configuration and its plugins, as far as the runtime reports them.
	Network(context.Context) (sandbox.Network, error)
}

// Times of the Voucher.
const (
	vouchTick  = 500 * time.Millisecond
	vouchPause = 2 * time.Second // after a write that failed, with as much again by chance
)

// Voucher renews the Lease of the agent's node while the node can hold foreign pods: the agent knows its pods, the first
// gate answers, its plugin is in the CNI configuration, the runtime has loaded that configuration, and the seccomp profile is in
// its place. It stops when one of
// these is missing, and gives the Lease up when that lasts. When the program ends it leaves the Lease as it is: the next
// agent goes on with it, or it runs out.
type Voucher struct {
	Node, Pod, Boot string
	Gate            *Gate
	Pods            Pods
	Leases          Leases
	Networks        Networks
	Checkpoint      func() string // of the node's log of facts; nil: there is none
	Log             *slog.Logger

	state   vouch.Agent
	retry   time.Time // not before, after a failure
	failing bool
}

// Run works until the context ends.
func (v *Voucher) Run(ctx context.Context) {
	tick := time.NewTicker(vouchTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			v.once(ctx, time.Now())
		}
	}
}

// once looks, and does what there is to do.
func (v *Voucher) once(ctx context.Context, now time.Time) {
	v.note(v.problem(ctx), now)
	if now.Before(v.retry) {
		return
	}
	switch vouch.Next(v.state, now) {
	case vouch.Renew:
		if v.write(ctx, v.Pod, now) {
			if v.state.Renewals == 0 {
				v.Log.Info("the agent vouches for its node: foreign pods may be scheduled here", "node", v.Node, "boot", v.Boot)
			}
			v.state.Renewals++
			v.state.Renewed = now
			v.Gate.metrics.vouched.Store(true)
		}
	case vouch.Release:
		if v.write(ctx, "", now) {
			v.state.Renewals = 0
			v.Log.Warn("the agent has given up the Lease of its node: no foreign pod is scheduled here until it can hold pods again", "problem", v.state.Problem)
		}
	case vouch.Wait:
	}
}

// note remembers a problem, and logs it when it is another than before.
func (v *Voucher) note(err error, now time.Time) {
	if err == nil {
		v.state.Problem = ""
		return
	}
	v.Gate.metrics.vouched.Store(false)
	if v.state.Problem == "" {
		v.state.Since = now
	}
	if text := err.Error(); text != v.state.Problem {
		v.state.Problem = text
		v.Log.Info("the agent does not vouch for its node", "problem", text)
	}
}

func (v *Voucher) write(ctx context.Context, holder string, now time.Time) bool {
	state := nodelease.State{Node: v.Node, Holder: holder, Boot: v.Boot, NRI: v.Gate.Announced().Load(), Renewed: now}
	state.Guests = nodelease.EncodeGuests(v.Pods.Guests())
	if v.Checkpoint != nil {
		state.Checkpoint = v.Checkpoint()
	}
	err := v.Leases.Write(ctx, state)
	if err == nil {
		if v.failing {
			v.Log.Info("the Lease of the node is written again")
		}
		v.failing = false
		return true
	}
	v.retry = now.Add(vouchPause + rand.N(vouchPause)) //nolint:gosec // spreads requests, guards nothing
	if !v.failing && ctx.Err() == nil {
		v.failing = true
		v.Log.Warn("the Lease of the node cannot be written: once it has run out no foreign pod is scheduled here", "error", err)
	}
	return false
}

// problem is why the agent cannot vouch for its node now.
func (v *Voucher) problem(ctx context.Context) error {
	switch g := v.Gate; {
	case g.parts.Chain == nil:
		return errors.New("--gate=off: no pod is held until it is enforced")
	case g.down.Load():
		return errors.New("the agent was told to stand down")
	case !v.Pods.Ready():
		return errors.New("not every foreign pod of this node was looked at yet")
	case !g.serving.Load():
		return errors.New("the gate is not open yet")
	}
	if err := v.Gate.parts.Chain.Problem(); err != nil {
		return err
	}
	if err := v.Gate.Profile.Problem(); err != nil {
		return err
	}
	return v.loaded(ctx)
}

// loaded asks the runtime, as often as the Lease is renewed and while something is wrong.
func (v *Voucher) loaded(ctx context.Context) error {
	if v.state.Problem == "" && vouch.Next(v.state, time.Now()) == vouch.Wait {
		return nil
	}
	n, err := v.Networks.Network(ctx)
	if err != nil {
		return err
	}
	if n.Conf != "" && !slices.Contains(n.Plugins, gate.PluginType) {
		return fmt.Errorf("the container runtime has not loaded the plugin %s from %s", gate.PluginType, n.Conf)
	}
	return nil
}
