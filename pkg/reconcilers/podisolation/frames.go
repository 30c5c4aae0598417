package podisolation

import (
	"fmt"
	"slices"

	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/failure"
)

// FrameFilter drops and counts every frame of a pod that is not IPv4, IPv6 or ARP, on both ends of the pod's links.
type FrameFilter interface {
	// Filter makes the filters of a pod stand on both ends of its links, and returns what they have found.
	Filter(pod *netns.Namespace, sandbox string) (hostlink.Filtered, error)
	// Unfilter removes the filters of sandboxes; without the pod's network namespace, those on the node.
	Unfilter(pod *netns.Namespace, sandboxes ...string) error
	// Filtering returns the sandboxes with a filter, also those of an earlier agent.
	Filtering() []string
}

// Frames keeps the frame filters of foreign pods. It is safe for concurrent use. Make it with NewFrames. Nil Frames filter nothing.
type Frames struct {
	parts FrameParts
	found tally
}

// FrameParts is what Frames are made of. What is nil is the kernel's.
type FrameParts struct {
	Filter  FrameFilter
	Dropped func(hostlink.Filtered) // is called with the counts of each look; nil: it is not

	// Open opens the network namespace of a target that holds the pod's addresses, OpenAny one that may hold others.
	Open, OpenAny func(endpoint.Target) (*netns.Namespace, error)
}

// NewFrames returns Frames.
func NewFrames(p FrameParts) *Frames {
	if p.Open == nil {
		p.Open = netns.OpenPod
	}
	if p.OpenAny == nil {
		p.OpenAny = netns.OpenAny
	}
	return &Frames{parts: p, found: tally{dropped: p.Dropped}}
}

// Start makes the filter stand, as a target's start requires.
func (f *Frames) Start(t endpoint.Target) error {
	if f == nil {
		return nil
	}
	ns, err := f.parts.Open(t)
	if err != nil {
		return nil // the writer of the rules meets the same error, and returns it
	}
	defer ns.Close()
	return f.write(ns, t)
}

// Update makes the filter stand, whatever addresses the target holds, and returns what the filters have found since the last Update.
// looked is false if that cannot be told. The error has a reason (failure.ReasonOf).
func (f *Frames) Update(t endpoint.Target) (found hostlink.Filtered, looked bool, err error) {
	if f == nil {
		return found, false, nil
	}
	ns, err := f.parts.OpenAny(t)
	if err != nil {
		return found, false, nil // the writer of the rules meets the same error, and returns it
	}
	defer ns.Close()
	if err := f.write(ns, t); err != nil {
		return found, false, err
	}
	return f.found.take(t.Sandbox), true, nil
}

// Delete removes the filters of a pod that is no longer guarded. The error has a reason (failure.ReasonOf).
func (f *Frames) Delete(t endpoint.Target) error {
	if f == nil {
		return nil
	}
	ns, err := f.parts.Open(t)
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := f.parts.Filter.Unfilter(ns, t.Sandbox); err != nil {
		return failure.New(failure.Frames, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	return nil
}

// Prune removes what the filters of sandboxes that are gone have left on the node.
func (f *Frames) Prune(gone func(sandbox string) bool) error {
	if f == nil {
		return nil
	}
	left := slices.DeleteFunc(f.parts.Filter.Filtering(), func(id string) bool { return !gone(id) })
	f.found.forget(left)
	if err := f.parts.Filter.Unfilter(nil, left...); err != nil {
		return fmt.Errorf("%d sandboxes: %w", len(left), err)
	}
	return nil
}

func (f *Frames) write(ns *netns.Namespace, t endpoint.Target) error {
	out, err := f.parts.Filter.Filter(ns, t.Sandbox)
	if err != nil {
		return failure.New(failure.Frames, fmt.Errorf("%s: %w", t.Endpoint, err))
	}
	f.found.add(t.Sandbox, out)
	return nil
}
