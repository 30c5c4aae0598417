package workloads

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/leastpriv"
)

// snapshot reads from the caches what one round decides over.
type snapshot struct {
	reader  client.Reader
	reducer *reducer
	sources *sources
	config  Config
}

// view is what one round decides over.
type view struct {
	leastpriv.World
	// have are the policies that are there, in all namespaces.
	have map[client.ObjectKey]*networkingv1.NetworkPolicy
	// problems are what the labels of namespaces ask for and do not get, by namespace.
	problems map[string]string
	// oversize are objects in namespaces that are on that are too large to be kept.
	oversize []oversizeObject
	// due is after how long another round is needed although nothing changes; zero: never.
	due time.Duration
}

// read returns the world as the caches have it now. What is left out of it because of its size is a problem of the view.
func (s *snapshot) read(ctx context.Context) (*view, error) {
	v := &view{World: leastpriv.World{Settings: s.config.Settings, Namespaces: map[string]leastpriv.Namespace{}}, problems: map[string]string{}}
	if err := s.namespaces(ctx, v); err != nil {
		return nil, err
	}
	if err := s.owner(ctx, v); err != nil {
		return nil, err
	}
	if err := s.policies(ctx, v); err != nil {
		return nil, err
	}
	var services corev1.ServiceList
	if err := s.reader.List(ctx, &services); err != nil {
		return nil, fmt.Errorf("list Services: %w", err)
	}
	v.Services = pointers(services.Items)
	s.noteOversize(v, "Service", objects(v.Services))
	var endpoints discoveryv1.EndpointSliceList
	if err := s.reader.List(ctx, &endpoints); err != nil {
		return nil, fmt.Errorf("list EndpointSlices: %w", err)
	}
	v.Slices = v.BoundedSlices(pointers(endpoints.Items))
	s.noteOversize(v, "EndpointSlice", objects(v.Slices))
	if err := s.workloads(ctx, v); err != nil {
		return nil, err
	}
	return v, s.targets(ctx, v)
}

// namespaces reads the mode of each namespace, and what is wrong with how a namespace asks for it. A namespace that is being deleted is off: the
// API server creates nothing there.
func (s *snapshot) namespaces(ctx context.Context, v *view) error {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := s.reader.List(ctx, list); err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	for _, ns := range list.Items {
		mode, problem := s.config.Of(ns.Name, ns.Labels)
		if ns.DeletionTimestamp != nil {
			mode = leastpriv.Off // nothing can be made there
		}
		v.Namespaces[ns.Name] = leastpriv.Namespace{Labels: ns.Labels, Mode: mode}
		if problem != "" {
			v.problems[ns.Name] = problem
		}
	}
	return nil
}

// owner reads the ClusterRole that owns the policies. Without it nothing is written: what would be made now would stay.
func (s *snapshot) owner(ctx context.Context, v *view) error {
	role := &metav1.PartialObjectMetadata{}
	kind := rbacv1.SchemeGroupVersion.WithKind("ClusterRole")
	role.SetGroupVersionKind(kind)
	if err := s.reader.Get(ctx, client.ObjectKey{Name: RoleName}, role); err != nil {
		return fmt.Errorf("read the ClusterRole %s, which owns the policies of workloads: %w; add the component deploy/workload-policies", RoleName, err)
	}
	v.Owner = metav1.OwnerReference{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind, Name: RoleName, UID: role.UID}
	return nil
}

func (s *snapshot) policies(ctx context.Context, v *view) error {
	var list networkingv1.NetworkPolicyList
	if err := s.reader.List(ctx, &list); err != nil {
		return fmt.Errorf("list NetworkPolicies: %w", err)
	}
	v.have = map[client.ObjectKey]*networkingv1.NetworkPolicy{}
	for i := range list.Items {
		v.have[client.ObjectKeyFromObject(&list.Items[i])] = &list.Items[i]
	}
	return nil
}

// workloads reads those of the namespaces that are on, and the pods there.
func (s *snapshot) workloads(ctx context.Context, v *view) error {
	f := found{jobs: map[client.ObjectKey][]string{}}
	for name, ns := range v.Namespaces {
		if ns.Mode == leastpriv.Off {
			continue
		}
		objects, err := s.objects(ctx, name)
		if err != nil {
			return err
		}
		for _, object := range objects {
			s.add(v, &f, object)
		}
	}
	wishes, due := s.sources.wishes(ctx, f.templates)
	v.due = due
	for i, t := range f.templates {
		w := t.Workload(wishes[i])
		if t.Kind == leastpriv.KindCronJob {
			w.Jobs = f.jobs[client.ObjectKey{Namespace: w.Namespace, Name: w.Name}]
		}
		v.Workloads = append(v.Workloads, w)
	}
	return nil
}

// found are the workloads of the namespaces that are on, and the Jobs of each CronJob.
type found struct {
	templates []leastpriv.Template
	jobs      map[client.ObjectKey][]string
}

func (s *snapshot) add(v *view, f *found, object client.Object) {
	if pod, ok := object.(*corev1.Pod); ok {
		s.addPod(v, pod)
	}
	if owner := metav1.GetControllerOfNoCopy(object); owner != nil && owner.Kind == leastpriv.KindCronJob {
		key := client.ObjectKey{Namespace: object.GetNamespace(), Name: owner.Name}
		f.jobs[key] = append(f.jobs[key], object.GetName())
	}
	t, ok := leastpriv.TemplateOf(object)
	switch {
	case !ok || object.GetDeletionTimestamp() != nil:
	case s.reducer.isOversize(object):
		v.oversize = append(v.oversize, oversizeObject{t.Kind, object})
	default:
		f.templates = append(f.templates, t)
	}
}

// oversizeObject is an object that is too large to be kept.
type oversizeObject struct {
	kind   string
	object client.Object
}

func (s *snapshot) noteOversize(v *view, kind string, all []client.Object) {
	for _, o := range all {
		if s.reducer.isOversize(o) && v.Namespaces[o.GetNamespace()].Mode != leastpriv.Off {
			v.oversize = append(v.oversize, oversizeObject{kind, o})
		}
	}
}

// objects returns all that may be a workload in a namespace.
func (s *snapshot) objects(ctx context.Context, namespace string) ([]client.Object, error) {
	var all []client.Object
	for _, list := range []client.ObjectList{
		&appsv1.DeploymentList{}, &appsv1.StatefulSetList{}, &appsv1.DaemonSetList{}, &appsv1.ReplicaSetList{}, &batchv1.JobList{}, &batchv1.CronJobList{}, &corev1.PodList{},
	} {
		if err := s.reader.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, fmt.Errorf("list %T in namespace %s: %w", list, namespace, err)
		}
		all = append(all, items(list)...)
	}
	return all, nil
}

func items(list client.ObjectList) []client.Object {
	switch l := list.(type) {
	case *appsv1.DeploymentList:
		return objects(pointers(l.Items))
	case *appsv1.StatefulSetList:
		return objects(pointers(l.Items))
	case *appsv1.DaemonSetList:
		return objects(pointers(l.Items))
	case *appsv1.ReplicaSetList:
		return objects(pointers(l.Items))
	case *batchv1.JobList:
		return objects(pointers(l.Items))
	case *batchv1.CronJobList:
		return objects(pointers(l.Items))
	case *corev1.PodList:
		return objects(pointers(l.Items))
	default:
		return nil
	}
}

// targets reads the pods of other namespaces at addresses that EndpointSlices or names mention.
func (s *snapshot) targets(ctx context.Context, v *view) error {
	for addr := range v.addresses() {
		var list corev1.PodList
		if err := s.reader.List(ctx, &list, client.MatchingFields{byAddress: addr.String()}); err != nil {
			return fmt.Errorf("find the pod at %s: %w", addr, err)
		}
		for i := range list.Items {
			if v.Namespaces[list.Items[i].Namespace].Mode == leastpriv.Off {
				s.addPod(v, &list.Items[i])
			}
		}
	}
	return nil
}

// addresses are those that EndpointSlices or names mention.
func (v *view) addresses() map[netip.Addr]bool {
	all := map[netip.Addr]bool{}
	for _, slice := range v.Slices {
		for _, e := range slice.Endpoints {
			for _, text := range e.Addresses {
				if addr, err := netip.ParseAddr(text); err == nil {
					all[addr] = true
				}
			}
		}
	}
	for _, w := range v.Workloads {
		for _, wish := range w.Wishes.All {
			if addr, ok := wish.Address(); ok {
				all[addr] = true
			}
		}
	}
	return all
}

func (s *snapshot) addPod(v *view, pod *corev1.Pod) {
	if p, ok := leastpriv.PodOf(pod); ok {
		p.Unread = s.reducer.isOversize(pod)
		v.Pods = append(v.Pods, p)
	}
}

func pointers[T any](all []T) []*T {
	p := make([]*T, 0, len(all))
	for i := range all {
		p = append(p, &all[i])
	}
	return p
}

func objects[T client.Object](all []T) []client.Object {
	o := make([]client.Object, 0, len(all))
	for _, one := range all {
		o = append(o, one)
	}
	return slices.Clip(o)
}

// addressesOf is what pods are indexed by.
func addressesOf(object client.Object) []string {
	pod, ok := object.(*corev1.Pod)
	if !ok || pod.Spec.HostNetwork {
		return nil
	}
	var all []string
	for _, ip := range pod.Status.PodIPs {
		if addr, err := netip.ParseAddr(ip.IP); err == nil {
			all = append(all, addr.String())
		}
	}
	return all
}
