//go:build api

package controller

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/values/apis"
)

func (w *world) corefile(t *testing.T) string {
	t.Helper()
	object := &corev1.ConfigMap{}
	err := w.client.Get(t.Context(), client.ObjectKey{Namespace: apis.SystemNamespace, Name: apis.ResolverName}, object)
	require.NoError(t, client.IgnoreNotFound(err))
	return object.Data[apis.ResolverConfigKey]
}

// resolverEvents are the notes of the Events on the resolver's Service.
func (w *world) resolverEvents(t *testing.T, reason string, since time.Time) []string {
	t.Helper()
	list, err := w.clients.EventsV1().Events(apis.SystemNamespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	var notes []string
	for _, event := range list.Items {
		if event.Reason == reason && event.EventTime.After(since) && event.Regarding.Kind == "Service" && event.Regarding.Name == apis.ResolverName {
			notes = append(notes, event.Note)
		}
	}
	return notes
}

func TestTheResolversConfigurationComesBackHoweverItIsChanged(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	eventually(t, "it is made", func() bool { return w.corefile(t) != "" })
	want := w.corefile(t)
	require.Contains(t, want, "kubernetes cluster.local in-addr.arpa ip6.arpa")

	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: apis.SystemNamespace, Name: apis.ResolverName}}
	open := client.RawPatch("application/merge-patch+json", []byte(`{"data":{"Corefile":".:53 { forward . 192.0.2.1 }"}}`))
	require.NoError(t, w.client.Patch(t.Context(), object, open))
	eventually(t, "an edit is undone", func() bool { return w.corefile(t) == want })
	require.NoError(t, w.client.Delete(t.Context(), object))
	eventually(t, "it is back", func() bool { return w.corefile(t) == want })
}

func TestDomainsThatTheHospitalListsAreForwarded(t *testing.T) {
	w := newWorld(t)
	first := w.start(t, "--dns-forward-domains=example.org=198.51.100.53,example.com", "--cluster-domain=hospital.internal")
	eventually(t, "they are in its configuration", func() bool {
		corefile := w.corefile(t)
		return strings.Contains(corefile, "forward example.org 198.51.100.53\n") && strings.Contains(corefile, "forward example.com /etc/resolv.conf\n") &&
			strings.Contains(corefile, "kubernetes hospital.internal in-addr.arpa ip6.arpa {")
	})
	first.stop(t)
	w.start(t)
	eventually(t, "and gone when they are listed no more", func() bool {
		return w.corefile(t) != "" && !strings.Contains(w.corefile(t), "forward")
	})
}

func TestAnEventSaysWhenNoReplicaOfTheResolverAnswers(t *testing.T) {
	began := time.Now() // controllers of other tests have said so, too
	w := newWorld(t)
	w.start(t)
	eventually(t, "an Event says that there is none", func() bool { return len(w.resolverEvents(t, controller.ReasonResolverDown, began)) == 1 })
	require.Contains(t, w.resolverEvents(t, controller.ReasonResolverDown, began)[0], "names do not resolve in the guests' pods")

	ready := true
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: apis.SystemNamespace, Name: "resolver-test", Labels: map[string]string{discoveryv1.LabelServiceName: apis.ResolverName},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
	}
	require.NoError(t, w.client.Create(t.Context(), slice))
	defer func() { require.NoError(t, w.client.Delete(context.Background(), slice)) }()
	eventually(t, "and another that it answers again", func() bool { return len(w.resolverEvents(t, controller.ReasonResolverUp, began)) == 1 })
}
