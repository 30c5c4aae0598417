package policywatch

import (
	"fmt"
	"sync"

	"k8s.io/client-go/tools/cache"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// store is what a reflector writes to. It keeps the keys alone, to tell after a new list what is gone.
type store struct {
	queue *queue
	read  func(object any) (reading, error)
	gone  func(netpolicy.Key) netpol.Change
	strip cache.TransformFunc

	mu    sync.Mutex
	there map[netpolicy.Key]struct{}
	begun bool
}

// reading is what an object says.
type reading struct {
	key  netpolicy.Key
	seen netpol.Change // nil: it is of no concern
}

func newStore(q *queue, read func(any) (reading, error), gone func(netpolicy.Key) netpol.Change, strip cache.TransformFunc) *store {
	return &store{queue: q, read: read, gone: gone, strip: strip, there: map[netpolicy.Key]struct{}{}}
}

// Transformer lets the reflector's own temporary store hold no more than is needed.
func (s *store) Transformer() cache.TransformFunc { return s.strip }

// Add notes an object.
func (s *store) Add(object any) error { return s.Update(object) }

// Update notes an object.
func (s *store) Update(object any) error {
	r, err := s.read(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.put(s.note(r)...)
	return nil
}

// note returns the change that a reading means.
func (s *store) note(r reading) []netpol.Change {
	if r.seen != nil {
		s.there[r.key] = struct{}{}
		return []netpol.Change{r.seen}
	}
	return s.forget(r.key)
}

func (s *store) forget(key netpolicy.Key) []netpol.Change {
	if _, was := s.there[key]; !was {
		return nil
	}
	delete(s.there, key)
	return []netpol.Change{s.gone(key)}
}

// Delete notes that an object is gone.
func (s *store) Delete(object any) error {
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	r, err := s.read(object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.put(s.forget(r.key)...)
	return nil
}

// Replace notes a whole list: what is not in it is gone.
func (s *store) Replace(objects []any, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := make(map[netpolicy.Key]struct{}, len(objects))
	changes := make([]netpol.Change, 0, len(objects))
	for _, object := range objects {
		r, err := s.read(object)
		if err != nil {
			return err
		}
		listed[r.key] = struct{}{}
		changes = append(changes, s.note(r)...)
	}
	for key := range s.there {
		if _, ok := listed[key]; !ok {
			changes = append(changes, s.forget(key)...)
		}
	}
	s.queue.put(changes...)
	if !s.begun {
		s.begun = true
		s.queue.arrived()
	}
	return nil
}

// Resync has nothing to do.
func (s *store) Resync() error { return nil }

// unexpected is the error for an object of another kind than was asked for.
func unexpected(object any) error { return fmt.Errorf("the API server sent a %T", object) }
