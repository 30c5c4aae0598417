package agent

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/assign"
	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/endpoint"
)

// record is what is known of one pod. Records are values: what the table hands out does not change.
type record struct {
	want   assign.Assignment
	did    assign.Assignment // the one that was last carried out; zero: none
	target endpoint.Target   // of what was last carried out

	state           agentapi.State
	reason, message string
	outcome         Outcome
	findings        []quarantine.Finding  // what speaks against the pod
	frames          *agentapi.FrameStatus // where its frames are filtered; nil: not looked at yet

	verified, written time.Time
	writes, repairs   int

	complained string    // the failure that was last said in an Event
	stalled    time.Time // since when the proxy does not run
	stallSaid  string    // the reason that was last said in an Event
}

// table holds a record for each pod that the decision names. It is safe for concurrent use.
type table struct {
	mu      sync.Mutex
	records map[string]record
}

func newTable() *table { return &table{records: map[string]record{}} }

// replace takes the new decisions and returns the pods for which they changed, also those that are no longer named.
func (t *table) replace(decisions map[string]assign.Assignment) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var changed []string
	for uid, want := range decisions {
		r, known := t.records[uid]
		if known && r.want == want {
			continue
		}
		if !known {
			r.state = agentapi.Pending
		}
		r.want = want
		t.records[uid] = r
		changed = append(changed, uid)
	}
	for uid := range t.records {
		if _, named := decisions[uid]; !named {
			delete(t.records, uid)
		}
	}
	return changed
}

// get returns the pod's record.
func (t *table) get(uid string) (record, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.records[uid]
	return r, ok
}

// update changes the pod's record, unless the pod is no longer named.
func (t *table) update(uid string, change func(*record)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r, ok := t.records[uid]; ok {
		change(&r)
		t.records[uid] = r
	}
}

// all returns every record, sorted by namespace and name.
func (t *table) all() []record {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Values(t.records), func(a, b record) int {
		if a.want.Namespace != b.want.Namespace {
			return strings.Compare(a.want.Namespace, b.want.Namespace)
		}
		return strings.Compare(a.want.Name+a.want.UID, b.want.Name+b.want.UID)
	})
}
