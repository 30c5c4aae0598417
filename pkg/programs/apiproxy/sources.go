package apiproxy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// sources knows the guests: by the label of namespaces, and by their GuestPolicies. It is safe for concurrent use.
type sources struct {
	cache   cache.Cache
	changed func() // runs after each change of policies or of the set of guests

	mu         sync.Mutex
	namespaces map[types.UID]space // each namespace that bears a guest's label
	count      map[string]int      // of each guest's namespaces
	policies   map[string]v1alpha1.GuestPolicy
	now        window.Guests            // rebuilt at each change, then only read
	moved      map[string]chan struct{} // of a guest: is closed when one of its namespaces joins or leaves, or policies change
	synced     bool
}

func newSources(config *rest.Config) (*sources, error) {
	scheme, err := v1alpha1.NewScheme()
	if err != nil {
		return nil, err
	}
	informers, err := cache.New(config, cache.Options{Scheme: scheme, ByObject: map[client.Object]cache.ByObject{
		&corev1.Namespace{}: {Label: v1alpha1.GuestNamespaces()}, &v1alpha1.GuestPolicy{}: {Transform: cache.TransformStripManagedFields()},
	}})
	if err != nil {
		return nil, fmt.Errorf("setting up against the API server %s: %w; check --kubeconfig", config.Host, err)
	}
	return &sources{cache: informers, changed: func() {}, namespaces: map[types.UID]space{}, count: map[string]int{},
		policies: map[string]v1alpha1.GuestPolicy{}}, nil
}

// run follows the guests until ctx ends.
func (s *sources) run(ctx context.Context) error {
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	for _, object := range []client.Object{namespace, &v1alpha1.GuestPolicy{}} {
		informer, err := s.cache.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watching %T: %w; apply deploy, whose crds define the kinds of data-space.liqo.io", object, err)
		}
		handler := toolscache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { s.note(o, false) },
			UpdateFunc: func(_, o any) { s.note(o, false) },
			DeleteFunc: func(o any) { s.note(o, true) },
		}
		if _, err := informer.AddEventHandler(handler); err != nil {
			return fmt.Errorf("watching %T: %w", object, err)
		}
	}
	go func() {
		if s.cache.WaitForCacheSync(ctx) {
			s.mu.Lock()
			s.synced = true
			s.mu.Unlock()
		}
	}()
	return s.cache.Start(ctx)
}

// note takes in a namespace or a GuestPolicy that has changed.
func (s *sources) note(o any, gone bool) {
	if last, is := o.(toolscache.DeletedFinalStateUnknown); is {
		o = last.Obj
	}
	s.mu.Lock()
	changed := false
	switch o := o.(type) {
	case *metav1.PartialObjectMetadata:
		changed = s.noteNamespace(o, gone)
	case *v1alpha1.GuestPolicy:
		changed = true
		s.announce(slices.Collect(maps.Keys(s.moved))...)
		delete(s.policies, o.Name)
		if !gone {
			s.policies[o.Name] = *o
		}
	}
	if changed {
		s.rebuild()
	}
	s.mu.Unlock()
	if changed {
		s.changed()
	}
}

// space is a namespace that bears a guest's label.
type space struct {
	guest, name string
	foreign     bool // it hosts the guest's workloads
	disputed    bool // the label by which the controller remembers its guest names another one
}

func spaceOf(o *metav1.PartialObjectMetadata) space {
	guest := apis.Guest(o.Labels)
	own, remembered := o.Labels[apis.LabelGuest]
	return space{guest, o.Name, apis.IsForeign(o.Labels), remembered && own != guest}
}

// noteNamespace reports whether a guest has got its first namespace or lost its last one, or a namespace is disputed or is not any more.
func (s *sources) noteNamespace(o *metav1.PartialObjectMetadata, gone bool) bool {
	before, now := s.namespaces[o.UID], spaceOf(o)
	if gone {
		now = space{}
	}
	changed := before.disputed != now.disputed
	if before.guest != now.guest && before.guest != "" {
		s.count[before.guest]--
		if s.count[before.guest] == 0 {
			delete(s.count, before.guest)
			changed = true
		}
	}
	if before.guest != now.guest && now.guest != "" {
		s.count[now.guest]++
		changed = changed || s.count[now.guest] == 1
	}
	if before != now {
		s.announce(before.guest, now.guest)
	}
	delete(s.namespaces, o.UID)
	if now.guest != "" {
		s.namespaces[o.UID] = now
	}
	return changed
}

// ofAnyGuest is waited for by those who belong to several guests.
const ofAnyGuest = ""

// announce has those go on who wait for a change of these guests.
func (s *sources) announce(guests ...string) {
	for _, guest := range append(guests, ofAnyGuest) {
		if moved, waiting := s.moved[guest]; waiting {
			close(moved)
			delete(s.moved, guest)
		}
	}
}

// movedOf returns a channel that is closed after the next change of one of these guests.
func (s *sources) movedOf(ids []string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moved == nil {
		s.moved = map[string]chan struct{}{}
	}
	id := ofAnyGuest
	if len(ids) == 1 {
		id = ids[0]
	}
	if s.moved[id] == nil {
		s.moved[id] = make(chan struct{})
	}
	return s.moved[id]
}

// rebuild makes the view of now.
func (s *sources) rebuild() {
	var disputed []string
	for _, one := range s.namespaces {
		if one.disputed {
			disputed = append(disputed, one.name)
		}
	}
	slices.Sort(disputed)
	s.now = window.NewGuests(slices.Collect(maps.Keys(s.count)), slices.Collect(maps.Values(s.policies))).Without(disputed)
}

// Guests returns the guests that are known now, and whether all are. The result is not changed.
func (s *sources) Guests() (window.Guests, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.synced
}

// namespacesOf returns the names of the namespaces of guests, in order.
func (s *sources) namespacesOf(ids []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, one := range s.namespaces {
		if one.foreign && !one.disputed && slices.Contains(ids, one.guest) {
			names = append(names, one.name)
		}
	}
	slices.Sort(names)
	return names
}

// guestOf returns the guest that a user belongs to, also a ServiceAccount in one of its namespaces; "": none.
func (s *sources) guestOf(name string, groups []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ids := s.now.Of(window.Caller{User: name, Groups: groups}); len(ids) > 0 {
		return strings.Join(ids, ",")
	}
	rest, _ := strings.CutPrefix(name, "system:serviceaccount:")
	namespace, _, _ := strings.Cut(rest, ":")
	for _, one := range s.namespaces {
		if rest != name && one.name == namespace {
			return one.guest
		}
	}
	return ""
}
