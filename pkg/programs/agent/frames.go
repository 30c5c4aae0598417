package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
)

// FrameFilter drops and counts every frame of a pod that is not IPv4, IPv6 or ARP, on both ends of the pod's links.
type FrameFilter interface {
	Filter(pod *netns.Namespace, sandbox string) (hostlink.Filtered, error)
	Unfilter(pod *netns.Namespace, sandboxes ...string) error
	Filtering() []string
}

// Reasons of Events of the frame filter.
const (
	EventFramesDropped    = "FramesDropped"
	EventFramesUnfiltered = "FramesUnfiltered"
)

// Places of a filter, as label of metrics.
const (
	placeNode = "node"
	placePod  = "pod"
)

// filtered makes the filter stand, as a target's start requires.
func (a *Agent) filtered(t endpoint.Target) error {
	if a.frames == nil {
		return nil
	}
	ns, err := open(t)
	if err != nil {
		return nil // the writer of the rules meets the same error, and reports it
	}
	defer ns.Close()
	return a.filter(ns, t)
}

func (a *Agent) filter(ns *netns.Namespace, t endpoint.Target) error {
	out, err := a.frames.Filter(ns, t.Sandbox)
	if err != nil {
		return failure.New(failure.Frames, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	a.metrics.dropped(out)
	a.dropped.add(t.Sandbox, out)
	return nil
}

// filterFrames makes the filter stand and reports what it has found.
func (a *Agent) filterFrames(r record, t endpoint.Target) (*agentapi.FrameStatus, error) {
	if a.frames == nil {
		return nil, nil
	}
	ns, err := netns.Open(t.Netns) // whatever addresses it holds
	if err == nil {
		defer ns.Close()
		err = ns.CheckNotHost()
	}
	if err != nil {
		return r.frames, nil // the writer of the rules meets the same error, and reports it
	}
	if err := a.filter(ns, t); err != nil {
		return r.frames, err
	}
	found := a.dropped.take(t.Sandbox)
	s := &agentapi.FrameStatus{Node: found.Node, Pod: found.Pod, Missing: found.Missing, Open: found.Open}
	if r.frames != nil && r.target.Sandbox == t.Sandbox {
		s.Dropped = r.frames.Dropped
	}
	s.Dropped += found.FromNode + found.FromPod
	a.reportFrames(r, s, found)
	return s, nil
}

// reportFrames writes the Events of what the filter has found.
func (a *Agent) reportFrames(r record, s *agentapi.FrameStatus, found hostlink.Filtered) {
	if n := found.FromNode + found.FromPod; n > 0 {
		a.warn(r.want, EventFramesDropped, fmt.Sprintf("a process in the pod has sent %d frames that are neither IPv4, IPv6 nor ARP; they were dropped "+
			"(%d in the pod, %d on the node's end of its link)", n, found.FromPod, found.FromNode))
	}
	if found.Repaired {
		a.warn(r.want, EventDriftRepaired, "the frame filter of the pod's link had been changed and is as planned again")
		a.metrics.repairs.Inc()
	}
	if len(s.Open) > 0 && (r.frames == nil || !slices.Equal(r.frames.Open, s.Open)) {
		a.warn(r.want, EventFramesUnfiltered, fmt.Sprintf("link %s of the pod has no frame filter: a process in the pod could send frames that are not IP "+
			"if the kernel offers them to it: %s; use Linux 5.16 or newer, or a link that the filter can see", strings.Join(s.Open, ", "), strings.Join(s.Missing, "; ")))
	}
}

// unfilter takes the filters of a pod away that is no longer guarded.
func (a *Agent) unfilter(t endpoint.Target) error {
	if a.frames == nil {
		return nil
	}
	ns, err := open(t)
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := a.frames.Unfilter(ns, t.Sandbox); err != nil {
		return failure.New(failure.Frames, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	return nil
}

// unfilterGone takes away what the filters of sandboxes that are gone have left on the node.
func (a *Agent) unfilterGone(alive map[string]bool) {
	if a.frames == nil {
		return
	}
	gone := slices.DeleteFunc(a.frames.Filtering(), func(id string) bool { return alive[id] || a.starting.holds(id, time.Now()) })
	a.dropped.forget(gone)
	if err := a.frames.Unfilter(nil, gone...); err != nil {
		a.metrics.failure(failure.Frames)
		a.Log.Error("cannot take down the frame filters of pods that are gone", "sandboxes", len(gone), "error", err)
	}
}

// also runs two steps of a start at the same time: they write to different places of the kernel.
func also(f, g func() error) error {
	done := make(chan error, 1)
	go func() { done <- g() }()
	return errors.Join(f(), <-done)
}

// frameless reports whether a pod has a link without any filter.
func (r record) frameless() bool {
	return r.want.Verdict == assign.Enforce && r.frames != nil && len(r.frames.Open) > 0
}
