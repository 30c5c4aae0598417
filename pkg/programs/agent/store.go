package agent

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/decisions/ruleview"
	"data-space.liqo.io/pkg/reconcilers/podrules"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/endpoint"
)

// record is what is known of one pod. Records are values: what the store hands out does not change.
type record struct {
	want   assign.Assignment
	did    assign.Assignment // the one that was last carried out; zero: none
	target endpoint.Target   // of what was last carried out
	first  bool              // found at the start, and not looked at yet

	state           agentapi.State
	reason, message string
	outcome         podrules.Outcome
	findings        []quarantine.Finding  // why it is quarantined
	frames          *agentapi.FrameStatus // where its frames are filtered; nil: not looked at yet

	verified, written time.Time
	writes, repairs   int

	dropped    ruleview.Dropped
	complained string    // the failure of the last Event
	stalled    time.Time // since when the proxy does not run
	stallSaid  string    // the reason of the last Event about that
}

// frameless reports whether a pod has a link without any filter.
func (r record) frameless() bool {
	return r.want.Verdict == assign.Enforce && r.frames != nil && len(r.frames.Open) > 0
}

// store holds a record for each pod that the decision names, which is all that the agent knows of pods. It is safe for concurrent use.
type store struct {
	mu      sync.Mutex
	records map[string]record // by UID
	known   bool              // the decisions were complete once

	changed func(before, after record) // is called with the lock held; nil: not called
}

func newStore() *store { return &store{records: map[string]record{}} }

// replace takes the new decisions and returns the pods that are to be looked at: those for which the decision changed, and with the
// first complete decisions every pod that is to be enforced. Such a pod may have been looked at before the lists were complete: its
// decision is then no change.
func (s *store) replace(decisions map[string]assign.Assignment, complete bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	begins := complete && !s.known
	s.known = s.known || complete
	var due []string
	for uid, want := range decisions {
		r, known := s.records[uid]
		r.first = r.first || begins && want.Verdict == assign.Enforce
		changed := !known || r.want != want
		if !known {
			r.state = agentapi.Pending
		}
		r.want = want
		s.records[uid] = r
		if changed || begins && r.first {
			due = append(due, uid)
		}
	}
	for uid := range s.records {
		if _, named := decisions[uid]; !named {
			s.report(s.records[uid], record{want: s.records[uid].want})
			delete(s.records, uid)
		}
	}
	return due
}

func (s *store) report(before, after record) {
	if s.changed != nil {
		s.changed(before, after)
	}
}

// looked notes that the pod was looked at, whatever came of it.
func (s *store) looked(uid string) { s.update(uid, func(r *record) { r.first = false }) }

// allLooked reports whether every pod of the first complete decisions was looked at. Pods that come later do not count.
func (s *store) allLooked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known {
		return false
	}
	for _, r := range s.records {
		if r.first {
			return false
		}
	}
	return true
}

// get returns the pod's record.
func (s *store) get(uid string) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.records[uid]
	return r, ok
}

// update changes the pod's record, unless the pod is no longer named.
func (s *store) update(uid string, change func(*record)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.records[uid]; ok {
		before := r
		change(&r)
		s.records[uid] = r
		s.report(before, r)
	}
}

// all returns every record, sorted by namespace and name.
func (s *store) all() []record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.records), func(a, b record) int {
		if a.want.Namespace != b.want.Namespace {
			return strings.Compare(a.want.Namespace, b.want.Namespace)
		}
		return strings.Compare(a.want.Name+a.want.UID, b.want.Name+b.want.UID)
	})
}

// ofSandbox returns the target that was last carried out in a sandbox.
func (s *store) ofSandbox(id string) (endpoint.Target, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		if r.target.Sandbox == id && r.target.Netns != "" {
			return r.target, true
		}
	}
	return endpoint.Target{}, false
}
