package controller

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/values/apis"
)

// resolvers knows the addresses that answer the cluster's DNS.
type resolvers interface {
	// Addresses returns them, as the API server has them now.
	Addresses(ctx context.Context) ([]netip.Addr, error)
}

// reconciler makes one namespace hold what guard decides. It runs one namespace at a time: to make a configuration takes a processor some time,
// of which the other controllers have more need.
type reconciler struct {
	settler
	reader    client.Reader // cached: only what setup watches can be read
	resolvers resolvers
	config    Config
	made      made
}

// Reconcile computes everything first, then writes both objects, each whether or not the other could be written.
func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	ns, verdict, err := r.namespace(ctx, request.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	if ns.DeletionTimestamp != nil {
		r.reporter.ending(ns.Name)
		delete(r.made, ns.Name)
		return ctrl.Result{}, nil // what it holds goes with it, and nothing new may be made in it
	}
	owner, err := r.installation(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	haveMap, err := get(ctx, r.reader, request.Name, apis.EnvoyConfigMapName, &corev1.ConfigMap{})
	if err != nil {
		return ctrl.Result{}, err
	}
	havePolicy, err := get(ctx, r.reader, request.Name, apis.NetworkPolicyName, &networkingv1.NetworkPolicy{})
	if err != nil {
		return ctrl.Result{}, err
	}

	wantMap, problem := r.wantedConfigMap(ctx, ns, owner, verdict, haveMap)
	narrow := r.config.Narrowed != nil && r.config.Narrowed(ns.Name, ns.Labels)
	wantPolicy := r.wantedNetworkPolicy(guard.Namespace{Name: ns.Name, Installation: owner}, verdict, narrow)
	var annotations []string
	if verdict.Foreign {
		// What the webhook's flags are is not known here: only what the annotations themselves hold is judged.
		_, annotations = inject.Settings{}.In(ns.Annotations)
	}
	r.reporter.findings(ns, verdict.Findings, annotations, problem)
	r.reporter.name(ns, admit.SpaceNames{ClusterDomain: r.config.Resolver.ClusterDomain, Pattern: r.config.SpacePattern})

	mapStep := guard.ConfigMapStep(wantMap, haveMap)
	if problem != nil {
		mapStep = guard.Step{Verb: guard.Keep} // what there is, is closer to right than nothing
	}
	return ctrl.Result{}, errors.Join(
		r.settle(ctx, ns, mapStep, object(wantMap), object(haveMap)),
		r.settle(ctx, ns, guard.NetworkPolicyStep(wantPolicy, havePolicy), object(wantPolicy), object(havePolicy)),
	)
}

// installation returns the UID of what owns the objects. Without it nothing is written: Data Spacer is being uninstalled, and
// what would be made now would stay.
func (r *reconciler) installation(ctx context.Context) (types.UID, error) {
	role := installationRole()
	if err := r.reader.Get(ctx, client.ObjectKey{Name: apis.ControllerName}, role); err != nil {
		return "", fmt.Errorf("read the ClusterRole %s, which owns what the controller makes: %w; apply deploy/controller.yaml", apis.ControllerName, err)
	}
	return role.UID, nil
}

// namespace reads the namespace, with its settled labels. In one that is gone nothing is wanted.
func (r *reconciler) namespace(ctx context.Context, name string) (*metav1.PartialObjectMetadata, guard.Verdict, error) {
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	err := r.reader.Get(ctx, client.ObjectKey{Name: name}, ns)
	if client.IgnoreNotFound(err) != nil {
		return nil, guard.Verdict{}, fmt.Errorf("read namespace %s: %w", name, err)
	}
	ns.Name, ns.Labels = name, apis.Settled(ns.Labels, ns.Annotations)
	return ns, guard.Judge(ns.Labels), nil
}

// wantedConfigMap is nil when none is wanted, or when there is a problem that keeps it from being decided.
func (r *reconciler) wantedConfigMap(ctx context.Context, ns *metav1.PartialObjectMetadata, owner types.UID, verdict guard.Verdict, have *corev1.ConfigMap) (*corev1.ConfigMap, error) {
	if !verdict.ConfigMap {
		return nil, nil
	}
	addresses, err := r.resolvers.Addresses(ctx)
	if err != nil {
		return nil, err
	}
	settings := r.config.proxy(addresses)
	settings.GuestID, settings.Namespace = verdict.GuestID, ns.Name
	plain, module, err := r.made.configs(settings, have)
	if err != nil {
		return nil, err
	}
	return guard.ConfigMap(guard.Namespace{Name: ns.Name, Installation: owner}, plain, module), nil
}

func (r *reconciler) wantedNetworkPolicy(ns guard.Namespace, verdict guard.Verdict, narrow bool) *networkingv1.NetworkPolicy {
	if !verdict.NetworkPolicy {
		return nil
	}
	if narrow {
		return guard.NarrowNetworkPolicy(ns, r.config.DNS)
	}
	return guard.NetworkPolicy(ns, verdict.GuestID, r.config.DNS)
}

func itsNamespace(_ context.Context, o client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: o.GetNamespace()}}}
}

const atOnce = 8

// several is how many namespaces a controller decides about at a time: what all namespaces of a guest wait for is the API server's answers.
func several() controller.Options { return controller.Options{MaxConcurrentReconciles: atOnce} }
