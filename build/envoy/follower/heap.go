package main

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
)

// heap bounds the memory of Go in the proxy's. Envoy's own heap leaves room for it (package envoy, Heaps).
type heap struct {
	most   uint64 // bytes
	cycles uint64 // of the collector, when last looked
	looked int64
	large  int64 // whose holdings end when the heap is full, in bytes
	found  bool  // there was one
}

const (
	// heapMost is what the collector keeps to, by working more, where the environment (GOMEMLIMIT) has no other number; one part of share is what may be
	// in use after it has run.
	heapMost = 40 << 20
	share    = 3
	// looks is the time between two looks, in microseconds.
	looks = 2000
	// The connections that hold the most are stopped first: at least largest, then half of that, and so on. Each holds less than least.
	largest = 1 << 20
	least   = 2 << 10
)

func (h *heap) limit() {
	most := debug.SetMemoryLimit(-1)
	if most == math.MaxInt64 {
		most = heapMost
		debug.SetMemoryLimit(most)
	}
	h.most = uint64(most)
	const moderate = 50 // percent: the collector runs before the heap is twice what is in use
	debug.SetGCPercent(moderate)
	h.large = largest
}

// full reports whether connections that hold at least h.large have to be stopped. It is asked once for each run of the collector.
func (h *heap) full(now int64) bool {
	if now-h.looked < looks {
		return false
	}
	h.looked = now
	samples := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	cycles, live := samples[0].Value.Uint64(), samples[1].Value.Uint64()
	if cycles == h.cycles {
		return false
	}
	h.cycles = cycles
	switch {
	case live < h.most/share:
		h.large = largest
		return false
	case !h.found && h.large > least:
		h.large /= 2
	}
	h.found = false
	return true
}
