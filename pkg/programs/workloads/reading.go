package workloads

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"data-space.liqo.io/pkg/decisions/leastpriv"
)

const (
	// heldLimit is how many bytes are kept of what the workloads of a namespace mention.
	heldLimit = 8 << 20
	// comingLimit is after how long what a workload mentions is dropped if the caches do not have the workload.
	comingLimit = 10 * time.Second
	// unusedLimit is how many workloads are kept where no round drops what it does not need: in an instance that is not the leader.
	unusedLimit = 10_000
	roundsEnd   = time.Minute
	// noNames is what a workload takes that mentions nothing.
	noNames = 300
)

// reading is what was found for one workload, and of which versions.
type reading struct {
	namespace  string
	generation int64
	at         time.Time
	sources    []leastpriv.Source
	versions   string
	// pending means that the sources have not been read.
	pending bool
	wishes  leastpriv.Wishes
}

func (r reading) size() int {
	size := noNames + r.wishes.Size()
	for _, s := range r.sources {
		size += noNames + len(s.Name)
	}
	return size
}

// put takes note of what a workload mentions, as the API server sends it. What depends on ConfigMaps and Secrets is read later.
func (s *sources) put(t leastpriv.Template) {
	r := reading{sources: leastpriv.Sources(t.Spec)}
	if r.pending = len(r.sources) > 0; !r.pending {
		r.wishes = leastpriv.FindAll(t.Spec, t.Object.GetNamespace(), s.domain, nil)
	}
	s.keepReading(t.Object, r)
}

// keepReading keeps what was found, or that there is no room for it.
func (s *sources) keepReading(of metav1.Object, r reading) leastpriv.Wishes {
	r.namespace, r.generation, r.at = of.GetNamespace(), of.GetGeneration(), time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(of.GetUID())
	if len(s.readings) >= unusedLimit && time.Since(s.lastRound) > roundsEnd {
		s.readings, s.held = map[types.UID]reading{}, map[string]int{} // a round reads them from the API server
	}
	if s.held[r.namespace]+r.size() > heldLimit {
		r = reading{namespace: r.namespace, generation: r.generation, at: r.at, wishes: leastpriv.Wishes{Full: true}}
	}
	s.held[r.namespace] += r.size()
	s.readings[of.GetUID()] = r
	return r.wishes
}

// drop forgets one workload. The caller holds the lock.
func (s *sources) drop(uid types.UID) {
	r, there := s.readings[uid]
	if !there {
		return
	}
	delete(s.readings, uid)
	if s.held[r.namespace] -= r.size(); s.held[r.namespace] <= 0 {
		delete(s.held, r.namespace)
	}
}

// known returns what was found for a workload, and whether it still holds if its sources have not changed.
func (s *sources) known(t leastpriv.Template) (before reading, current bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, there := s.readings[t.Object.GetUID()]
	again := before.wishes.Full && s.held[before.namespace] < heldLimit/2
	return before, there && before.generation >= t.Object.GetGeneration() && !again
}
