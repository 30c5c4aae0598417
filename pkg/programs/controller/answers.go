package controller

import (
	"context"
	"fmt"
	"maps"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"data-space.liqo.io/pkg/decisions/guestnames"
	"data-space.liqo.io/pkg/decisions/guestnet"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// heldKey is the key of the ConfigMap with the open addresses, which only a controller that starts reads.
const heldKey = "held"

// answerKeeper looks up the names in GuestPolicies and keeps the ConfigMap with what the guests' resolver answers of them.
type answerKeeper struct {
	*networkKeeper
	names *names
	live  client.Reader
}

func setupAnswers(manager ctrl.Manager, networks *networkKeeper) error {
	k := &answerKeeper{networkKeeper: networks, names: networks.cluster.names, live: manager.GetAPIReader()}
	if err := metrics.Registry.Register(k.names.failing); err != nil {
		return fmt.Errorf("register the metric of names: %w", err)
	}
	all := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: apis.NamesConfigMapName}}}
	})
	return ctrl.NewControllerManagedBy(manager).Named("data-space-guest-names").
		Watches(&v1alpha1.GuestPolicy{}, all, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		// Whose they are.
		Watches(&corev1.Namespace{}, all, builder.OnlyMetadata).
		Complete(k)
}

// Reconcile looks up what is due, and writes the answers if they have changed.
func (k *answerKeeper) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	have, err := get(ctx, k.live, apis.SystemNamespace, apis.NamesConfigMapName, &corev1.ConfigMap{})
	if err != nil {
		return ctrl.Result{}, err
	}
	if first := !k.names.ready(); first {
		held := ""
		if have != nil {
			held = have.Data[heldKey]
		}
		k.names.restore(held, metav1.Now().Time)
		k.names.changed()
	}
	wanted, err := wantedNames(ctx, k.reader)
	if err != nil {
		return ctrl.Result{}, err
	}
	next := k.names.update(ctx, wanted)
	if len(wanted) == 0 && have == nil {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: next}, k.publish(ctx, have)
}

// publish writes the answers.
func (k *answerKeeper) publish(ctx context.Context, have *corev1.ConfigMap) error {
	answers, err := k.answers(ctx)
	if err != nil {
		return err
	}
	text, left, err := answers.Encode()
	if err != nil {
		return err
	}
	if k.names.note(leftOut(left)) {
		k.names.changed()
	}
	held, err := k.names.held()
	if err != nil {
		return err
	}
	want := &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Name: apis.NamesConfigMapName, Namespace: apis.SystemNamespace, Labels: map[string]string{apis.LabelManagedBy: apis.ControllerName},
		},
		Data: map[string]string{apis.NamesKey: text, heldKey: held},
	}
	if have != nil && maps.Equal(have.Data, want.Data) {
		return nil
	}
	return apply(ctx, k.writer, want)
}

// leftOut is the problem of names where guests are left out of the answers.
func leftOut(guests []string) string {
	if len(guests) == 0 {
		return ""
	}
	const shown = 3
	return fmt.Sprintf("is not answered to %d guests, of which %q: their namespaces, names and addresses take most of more than %d bytes; name fewer hosts, and look at how many namespaces these guests have",
		len(guests), guests[:min(len(guests), shown)], guestnames.MaxDocument)
}

// answers decides what is answered in each namespace of a guest.
func (k *answerKeeper) answers(ctx context.Context) (guestnames.Answers, error) {
	answers := guestnames.Answers{Namespaces: map[string]string{}, Guests: map[string]map[string][]netip.Addr{}}
	cluster, err := k.cluster.read(ctx)
	if err != nil {
		return answers, err
	}
	spaces, err := foreignSpaces(ctx, k.reader, func(string) bool { return true })
	if err != nil {
		return answers, err
	}
	for i := range spaces {
		guest := apis.Guest(apis.Settled(spaces[i].Labels, spaces[i].Annotations))
		named, decided := answers.Guests[guest]
		if !decided {
			section, err := k.section(ctx, guest)
			if err != nil {
				return answers, err
			}
			cluster.Guest = guest
			named = guestnet.Rules(section, cluster).Named
			answers.Guests[guest] = named
		}
		if len(named) > 0 {
			answers.Namespaces[spaces[i].Name] = guest
		}
	}
	maps.DeleteFunc(answers.Guests, func(_ string, named map[string][]netip.Addr) bool { return len(named) == 0 })
	return answers, nil
}
