package recorder

import (
	"context"
	"sync"
	"time"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/workload"
)

// Spaces is the watch of foreign namespaces.
type Spaces interface {
	// Namespaces returns the foreign namespaces.
	Namespaces(ctx context.Context) ([]workload.Namespace, error)
	// Synced reports whether the first list is complete.
	Synced() bool
}

// Guests returns the guest of each foreign namespace, or nil while they are not known. The map does not change.
type Guests func() map[string]string

// GuestsOf reads them from the watch of the API server at most once a second. The returned function is safe for concurrent use.
func GuestsOf(ctx context.Context, watch Spaces) Guests {
	var mu sync.Mutex
	var known map[string]string
	var at time.Time
	return func() map[string]string {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(at) < time.Second {
			return known
		}
		if spaces, err := watch.Namespaces(ctx); err == nil && watch.Synced() {
			known, at = map[string]string{}, time.Now()
			for _, s := range spaces {
				known[s.Name] = apis.Guest(s.Labels)
			}
		}
		return known
	}
}

// Of returns the guest of a namespace, or "".
func (g Guests) Of(namespace string) string { return g()[namespace] }

// Names are the logs of the resolver's pods on this node: one for each guest, and one for what is no known guest's. Without the
// guests (the API server has not answered yet) nothing is followed, since each line would be taken for none's.
func Names(resolvers []record.Source, guests map[string]string) []record.Source {
	if guests == nil || len(resolvers) == 0 {
		return nil
	}
	ids := map[string]bool{"": true}
	for _, id := range guests {
		ids[id] = true
	}
	var all []record.Source
	for _, s := range resolvers {
		for id := range ids {
			s.Guest = id
			all = append(all, s)
		}
	}
	return all
}

// Proxies are the logs of the foreign pods' proxies.
func Proxies(pods []endpoint.Endpoint) []record.Source {
	var all []record.Source
	for _, p := range pods {
		all = append(all, record.Source{Guest: p.Guest, Namespace: p.Namespace, Pod: p.Name, UID: p.UID, Container: apis.ProxyContainerName})
	}
	return all
}
