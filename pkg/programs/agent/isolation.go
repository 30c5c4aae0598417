package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/endpoint"
)

// Conditions writes the condition of a pod. It does not wait for the API server.
type Conditions interface {
	// Quarantined sets the condition of that name.
	Quarantined(namespace, name, uid string, quarantined bool, reason, message string)
}

// Reasons of Events of quarantine and of the frame filter.
const (
	EventQuarantined      = "Quarantined"
	EventReleased         = "QuarantineEnded"
	EventFramesDropped    = "FramesDropped"
	EventFramesUnfiltered = "FramesUnfiltered"
)

// asBefore reports whether judging the pod again yields the findings already known, whatever has become of its containers.
func (a *Agent) asBefore(ctx context.Context, r record) bool {
	if a.quarantine == nil || r.did == r.want {
		return true
	}
	findings, err := a.quarantine.Observe(ctx, r.want, r.target)
	return err == nil && slices.Equal(findings, r.findings)
}

// confine judges the pod and keeps it apart if its rules cannot contain it. The target is what its rules are to be then.
func (a *Agent) confine(ctx context.Context, r record, t endpoint.Target) (endpoint.Target, []quarantine.Finding, error) {
	out, err := a.quarantine.Update(ctx, r.want, t)
	if out.Judged {
		a.tell(r, out.Findings)
	}
	if out.Repaired {
		a.warn(r.want, EventDriftRepaired, "the wall on the node's end of the pod's link had been changed and is as planned again")
	}
	return out.Target, out.Findings, err
}

// tell reports that a quarantine begins, changes or ends.
func (a *Agent) tell(r record, findings []quarantine.Finding) {
	want := r.want
	if slices.Equal(r.findings, findings) {
		return
	}
	a.pods.update(want.UID, func(t *record) { t.findings = findings })
	if len(findings) == 0 {
		return // free says it
	}
	message := quarantine.Summary(findings)
	a.warn(want, EventQuarantined, "nothing but answers to the kubelet's probes leaves the pod: "+message)
	a.conditions.Quarantined(want.Namespace, want.Name, want.UID, true, string(findings[0].Reason), message)
}

// free ends the quarantine of a pod without findings, also one that an earlier agent began.
func (a *Agent) free(r record) error {
	ended, err := a.quarantine.Delete(r.want.Sandbox)
	if err != nil || !ended {
		return err
	}
	want := r.want
	a.reporter.Normal(want.Namespace, want.Name, want.UID, EventReleased, "the pod is no longer quarantined: its rules contain it")
	a.conditions.Quarantined(want.Namespace, want.Name, want.UID, false, "Harmless", "")
	return nil
}

// filterFrames makes the pod's frame filter stand and reports what it has found.
func (a *Agent) filterFrames(r record, t endpoint.Target) (*agentapi.FrameStatus, error) {
	found, looked, err := a.frames.Update(t)
	if err != nil || !looked {
		return r.frames, err
	}
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
