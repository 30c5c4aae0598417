package workloads

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/leastpriv"
)

const (
	// secretPeriod is after how long a Secret in use is looked at again. Secrets are not watched: that takes the right to read all.
	secretPeriod = 30 * time.Second
	// readsLimit is how many reads of ConfigMaps and Secrets a round makes; the next round makes the others.
	readsLimit = 500
	readers    = 8
)

// sources finds the names in the variables of workloads. Of ConfigMaps and Secrets it keeps versions and names, never contents.
// One round at a time uses it; usesMap is safe at any time.
type sources struct {
	cached, live client.Reader

	mu       sync.Mutex
	used     map[sourceKey]bool
	versions map[sourceKey]seenVersion
	readings map[types.UID]reading
}

type sourceKey struct {
	namespace string
	leastpriv.Source
}

// seenVersion is the version that a Secret had; empty: it is not there or may not be read.
type seenVersion struct {
	version string
	at      time.Time
}

// reading is what was found for one workload, and of which versions.
type reading struct {
	generation int64
	versions   string
	wishes     leastpriv.Wishes
}

func newSources(cached, live client.Reader) *sources {
	return &sources{cached: cached, live: live, used: map[sourceKey]bool{}, versions: map[sourceKey]seenVersion{}, readings: map[types.UID]reading{}}
}

// usesMap reports whether a workload gets variables from a ConfigMap.
func (s *sources) usesMap(object client.Object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used[sourceKey{object.GetNamespace(), leastpriv.Source{Kind: leastpriv.KindConfigMap, Name: object.GetName()}}]
}

// wishes returns what each workload mentions, and after how long another round is due although nothing changes; zero: never.
func (s *sources) wishes(ctx context.Context, templates []leastpriv.Template, domain string) ([]leastpriv.Wishes, time.Duration) {
	used := map[sourceKey]bool{}
	var due time.Duration
	for _, t := range templates {
		for _, source := range leastpriv.Sources(t.Spec) {
			used[sourceKey{t.Object.GetNamespace(), source}] = true
			if source.Kind == leastpriv.KindSecret {
				due = secretPeriod
			}
		}
	}
	s.keep(used, templates)
	all := make([]leastpriv.Wishes, len(templates))
	left := &atomic.Int64{}
	left.Store(readsLimit)
	var group errgroup.Group
	group.SetLimit(readers)
	for i, t := range templates {
		group.Go(func() error {
			all[i] = s.one(ctx, t, domain, left)
			return nil
		})
	}
	_ = group.Wait() // none returns an error
	if left.Load() < 0 {
		due = time.Second
	}
	return all, due
}

// keep forgets what no workload uses any more.
func (s *sources) keep(used map[sourceKey]bool, templates []leastpriv.Template) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = used
	for key := range s.versions {
		if !used[key] {
			delete(s.versions, key)
		}
	}
	readings := make(map[types.UID]reading, len(templates))
	for _, t := range templates {
		if r, there := s.readings[t.Object.GetUID()]; there {
			readings[t.Object.GetUID()] = r
		}
	}
	s.readings = readings
}

// one returns what a workload mentions; without a change, what it did before.
func (s *sources) one(ctx context.Context, t leastpriv.Template, domain string, left *atomic.Int64) leastpriv.Wishes {
	uid, generation, namespace := t.Object.GetUID(), t.Object.GetGeneration(), t.Object.GetNamespace()
	s.mu.Lock()
	before, known := s.readings[uid]
	s.mu.Unlock()
	changed := !known || before.generation != generation
	needed := leastpriv.Sources(t.Spec)
	var versions strings.Builder
	for _, source := range needed {
		version, ok := s.version(ctx, sourceKey{namespace, source}, changed, left)
		if !ok && known {
			return before.wishes
		}
		versions.WriteString(version + "/")
	}
	if !changed && before.versions == versions.String() {
		return before.wishes
	}
	contents := map[leastpriv.Source]map[string]string{}
	for _, source := range needed {
		if left.Add(-1) < 0 {
			return before.wishes
		}
		if data, ok := s.content(ctx, sourceKey{namespace, source}); ok {
			contents[source] = data
		}
	}
	wishes := leastpriv.FindAll(t.Spec, namespace, domain, contents)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readings[uid] = reading{generation, versions.String(), wishes}
	return wishes
}

// version returns the present version of a source, empty if there is none. It returns false if it could not be read this time.
func (s *sources) version(ctx context.Context, key sourceKey, now bool, left *atomic.Int64) (string, bool) {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(key.Kind))
	name := client.ObjectKey{Namespace: key.namespace, Name: key.Name}
	if key.Kind == leastpriv.KindConfigMap {
		err := s.cached.Get(ctx, name, object)
		return object.ResourceVersion, client.IgnoreNotFound(err) == nil
	}
	s.mu.Lock()
	seen, known := s.versions[key]
	s.mu.Unlock()
	if known && !now && time.Since(seen.at) < secretPeriod {
		return seen.version, true
	}
	if left.Add(-1) < 0 {
		return seen.version, known
	}
	err := s.live.Get(ctx, name, object)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return seen.version, known
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions[key] = seenVersion{object.ResourceVersion, time.Now()}
	return object.ResourceVersion, true
}

// content returns the data of a source.
func (s *sources) content(ctx context.Context, key sourceKey) (map[string]string, bool) {
	name := client.ObjectKey{Namespace: key.namespace, Name: key.Name}
	if key.Kind == leastpriv.KindConfigMap {
		var object corev1.ConfigMap
		err := s.live.Get(ctx, name, &object)
		return object.Data, err == nil
	}
	var object corev1.Secret
	if err := s.live.Get(ctx, name, &object); err != nil {
		return nil, false
	}
	data := make(map[string]string, len(object.Data))
	for k, v := range object.Data {
		data[k] = string(v)
	}
	return data, true
}
