package workloads

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
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

// sources finds the names in the variables of workloads. Of workloads it keeps the names, of ConfigMaps and Secrets versions and names, never
// contents. One round at a time uses it; usesMap and put are safe at any time.
type sources struct {
	cached, live client.Reader
	domain       string

	mu       sync.Mutex
	used     map[sourceKey]bool
	versions map[sourceKey]seenVersion
	readings map[types.UID]reading
	held     map[string]int // bytes of the readings of each namespace
	// lastRound is when a round last dropped what no workload uses.
	lastRound time.Time
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

func newSources(cached, live client.Reader, domain string) *sources {
	return &sources{
		cached: cached, live: live, domain: domain,
		used: map[sourceKey]bool{}, versions: map[sourceKey]seenVersion{}, readings: map[types.UID]reading{}, held: map[string]int{}, lastRound: time.Now(),
	}
}

// usesMap reports whether a workload gets variables from a ConfigMap.
func (s *sources) usesMap(object client.Object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used[sourceKey{object.GetNamespace(), leastpriv.Source{Kind: leastpriv.KindConfigMap, Name: object.GetName()}}]
}

// wishes returns what each workload mentions, and after how long another round is due although nothing changes; zero: never.
func (s *sources) wishes(ctx context.Context, templates []leastpriv.Template) ([]leastpriv.Wishes, time.Duration) {
	all := make([]leastpriv.Wishes, len(templates))
	left := &atomic.Int64{}
	left.Store(readsLimit)
	var group errgroup.Group
	group.SetLimit(readers)
	for i, t := range templates {
		group.Go(func() error {
			all[i] = s.one(ctx, t, left)
			return nil
		})
	}
	_ = group.Wait() // none returns an error
	due := s.keep(templates)
	if left.Load() < 0 {
		due = time.Second
	}
	return all, due
}

// keep forgets what no workload uses any more, and returns when Secrets in use are due.
func (s *sources) keep(templates []leastpriv.Template) (due time.Duration) {
	there := make(map[types.UID]bool, len(templates))
	s.mu.Lock()
	defer s.mu.Unlock()
	used := map[sourceKey]bool{}
	for _, t := range templates {
		there[t.Object.GetUID()] = true
		for _, source := range s.readings[t.Object.GetUID()].sources {
			used[sourceKey{t.Object.GetNamespace(), source}] = true
			if source.Kind == leastpriv.KindSecret {
				due = secretPeriod
			}
		}
	}
	s.used, s.lastRound = used, time.Now()
	for key := range s.versions {
		if !used[key] {
			delete(s.versions, key)
		}
	}
	for uid, r := range s.readings {
		if !there[uid] && time.Since(r.at) > comingLimit {
			s.drop(uid)
		}
	}
	return due
}

// one returns what a workload mentions; without a change, what it did before.
func (s *sources) one(ctx context.Context, t leastpriv.Template, left *atomic.Int64) leastpriv.Wishes {
	before, current := s.known(t)
	changed := !current || before.pending
	versions, ok := s.versionsOf(ctx, t.Object.GetNamespace(), before.sources, changed, left)
	if current && (!ok || !changed && before.versions == versions) {
		return before.wishes
	}
	if left.Add(-1) < 0 {
		return before.wishes
	}
	read, err := s.template(ctx, t)
	if err != nil { // it has gone, which the caches will show, or the API server does not answer, which other requests report
		return before.wishes
	}
	needed := leastpriv.Sources(read.Spec)
	if !slices.Equal(needed, before.sources) || !current {
		if versions, ok = s.versionsOf(ctx, t.Object.GetNamespace(), needed, true, left); !ok {
			return before.wishes
		}
	}
	contents := map[leastpriv.Source]map[string]string{}
	for _, source := range needed {
		if left.Add(-1) < 0 {
			return before.wishes
		}
		if data, ok := s.content(ctx, sourceKey{t.Object.GetNamespace(), source}); ok {
			contents[source] = data
		}
	}
	return s.keepReading(read.Object, reading{sources: needed, versions: versions, wishes: leastpriv.FindAll(read.Spec, t.Object.GetNamespace(), s.domain, contents)})
}

// template reads a workload whole.
func (s *sources) template(ctx context.Context, t leastpriv.Template) (leastpriv.Template, error) {
	object, ok := map[string]client.Object{
		leastpriv.KindDeployment: &appsv1.Deployment{}, leastpriv.KindStatefulSet: &appsv1.StatefulSet{}, leastpriv.KindDaemonSet: &appsv1.DaemonSet{},
		leastpriv.KindReplicaSet: &appsv1.ReplicaSet{}, leastpriv.KindJob: &batchv1.Job{}, leastpriv.KindCronJob: &batchv1.CronJob{}, leastpriv.KindPod: &corev1.Pod{},
	}[t.Kind]
	if !ok {
		return leastpriv.Template{}, fmt.Errorf("read a %s: no such kind of workload", t.Kind)
	}
	if err := s.live.Get(ctx, client.ObjectKey{Namespace: t.Object.GetNamespace(), Name: t.Object.GetName()}, object); err != nil {
		return leastpriv.Template{}, err
	}
	read, ok := leastpriv.TemplateOf(object)
	if !ok || object.GetUID() != t.Object.GetUID() {
		return leastpriv.Template{}, fmt.Errorf("read %s %s/%s: another one has its name", t.Kind, object.GetNamespace(), object.GetName())
	}
	return read, nil
}

// versionsOf returns the present versions of sources; false if one could not be read this time.
func (s *sources) versionsOf(ctx context.Context, namespace string, of []leastpriv.Source, now bool, left *atomic.Int64) (string, bool) {
	var versions strings.Builder
	for _, source := range of {
		version, ok := s.version(ctx, sourceKey{namespace, source}, now, left)
		if !ok {
			return "", false
		}
		versions.WriteString(version + "/")
	}
	return versions.String(), true
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
