package gate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// Class is what a namespace is to the guard.
type Class string

// The classes.
const (
	Unknown  Class = ""         // no source has the namespace
	Ordinary Class = "ordinary" // of no concern
	Foreign  Class = "foreign"  // its pods are guarded
	OptedOut Class = "optedOut" // a guest's, but the Hospital has taken the guard off
)

// classOf judges a namespace by its labels.
func classOf(labels map[string]string) Class {
	switch {
	case !apis.IsForeign(labels):
		return Ordinary
	case !apis.IsGuarded(labels):
		return OptedOut
	default:
		return Foreign
	}
}

// Space is one namespace: its class, and whose it is.
type Space struct {
	Class Class
	Guest string // cluster id
	// Suspended: the guest is suspended.
	Suspended bool
}

// SpaceOf judges a namespace.
func SpaceOf(n workload.Namespace) Space {
	return Space{Class: classOf(n.Labels), Guest: apis.Guest(n.Labels), Suspended: apis.IsSuspended(n.Labels)}
}

// Spaces is every namespace of the cluster at one moment. It is what the agent leaves on the node.
type Spaces struct {
	Version  int               `json:"version"`
	Written  time.Time         `json:"written"`
	Foreign  map[string]string `json:"foreign"`  // name: cluster id
	OptedOut map[string]string `json:"optedOut"` // name: cluster id
	Ordinary []string          `json:"ordinary"` // sorted
	// Suspended are the foreign namespaces whose guest is suspended, sorted.
	Suspended []string `json:"suspended,omitempty"`
}

// SpacesOf makes the list.
func SpacesOf(all []workload.Namespace) Spaces {
	s := Spaces{Version: Version, Foreign: map[string]string{}, OptedOut: map[string]string{}, Ordinary: []string{}}
	for _, n := range all {
		switch space := SpaceOf(n); space.Class {
		case Foreign:
			s.Foreign[n.Name] = space.Guest
			if space.Suspended {
				s.Suspended = append(s.Suspended, n.Name)
			}
		case OptedOut:
			s.OptedOut[n.Name] = space.Guest
		default:
			s.Ordinary = append(s.Ordinary, n.Name)
		}
	}
	slices.Sort(s.Ordinary)
	slices.Sort(s.Suspended)
	return s
}

// Lookup returns the class of a namespace. The zero Spaces has no namespaces.
func (s Spaces) Lookup(name string) Space {
	if guest, ok := s.Foreign[name]; ok {
		_, suspended := slices.BinarySearch(s.Suspended, name)
		return Space{Class: Foreign, Guest: guest, Suspended: suspended}
	}
	if guest, ok := s.OptedOut[name]; ok {
		return Space{Class: OptedOut, Guest: guest}
	}
	if _, ok := slices.BinarySearch(s.Ordinary, name); ok {
		return Space{Class: Ordinary}
	}
	return Space{}
}

// Len is the number of namespaces.
func (s Spaces) Len() int { return len(s.Foreign) + len(s.OptedOut) + len(s.Ordinary) }

// Same reports whether both list the same, whenever they were written.
func (s Spaces) Same(t Spaces) bool {
	return maps.Equal(s.Foreign, t.Foreign) && maps.Equal(s.OptedOut, t.OptedOut) && slices.Equal(s.Ordinary, t.Ordinary) &&
		slices.Equal(s.Suspended, t.Suspended)
}

// DecodeSpaces parses a list and checks it.
func DecodeSpaces(text []byte) (Spaces, error) {
	var s Spaces
	if err := json.Unmarshal(text, &s); err != nil {
		return Spaces{}, fmt.Errorf("read the list of namespaces: %w", err)
	}
	if s.Version != Version {
		return Spaces{}, fmt.Errorf("the list of namespaces is of version %d: %w", s.Version, errVersion)
	}
	slices.Sort(s.Ordinary)
	slices.Sort(s.Suspended)
	return s, nil
}
