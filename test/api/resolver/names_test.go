//go:build api

package resolver

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/guestnames"
	"data-space.liqo.io/pkg/decisions/resolver"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/dnsclient"
)

// pod makes a running pod with this address in a new namespace, and returns the namespace.
func pod(t *testing.T, address string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "asks-"}}
	require.NoError(t, shared.Client.Create(t.Context(), ns))
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "client"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example.org/app:1"}}},
	}
	serviceAccount := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: "default"}}
	require.NoError(t, client.IgnoreAlreadyExists(shared.Client.Create(t.Context(), serviceAccount)))
	require.NoError(t, shared.Client.Create(t.Context(), p))
	t.Cleanup(func() { require.NoError(t, client.IgnoreNotFound(shared.Client.Delete(context.Background(), p))) })
	p.Status.Phase, p.Status.PodIP, p.Status.PodIPs = corev1.PodRunning, address, []corev1.PodIP{{IP: address}}
	require.NoError(t, shared.Client.Status().Update(t.Context(), p))
	return ns.Name
}

// grant stores what the controller would.
func grant(t *testing.T, a guestnames.Answers) {
	t.Helper()
	text, _, err := a.Encode()
	require.NoError(t, err)
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: apis.SystemNamespace, Name: apis.NamesConfigMapName}, Data: map[string]string{apis.NamesKey: text}}
	err = shared.Client.Create(t.Context(), m)
	if err != nil {
		require.NoError(t, shared.Client.Update(t.Context(), m))
		return
	}
	t.Cleanup(func() { require.NoError(t, shared.Client.Delete(context.Background(), m)) })
}

func TestANameOfOneGuestIsAnsweredToItsPodsOnlyAndAskedNowhere(t *testing.T) {
	outside := newServer(t)
	r := start(t, resolver.Settings{}.Default(), outside)
	pharma, rival := netip.MustParseAddr("127.0.0.21"), netip.MustParseAddr("127.0.0.22")
	granted := guestnames.Answers{
		Namespaces: map[string]string{pod(t, pharma.String()): "pharma", pod(t, rival.String()): "rival"},
		Guests: map[string]map[string][]netip.Addr{
			"pharma": {"api.example.org": {netip.MustParseAddr("203.0.113.8"), netip.MustParseAddr("2001:db8::8")}, "pending.example.org": {}},
			"rival":  {"other.example.org": {netip.MustParseAddr("203.0.113.9")}},
		},
	}
	grant(t, granted)
	ask := func(from netip.Addr, name string, kind dnsmessage.Type) dnsclient.Answer {
		return r.ask(t, dnsclient.Question{Name: name, Type: kind, From: from})
	}
	for name, from := range map[string]netip.Addr{"api.example.org.": pharma, "other.example.org.": rival} {
		require.Eventually(t, func() bool { return len(ask(from, name, dnsmessage.TypeA).Records) == 1 }, time.Minute, 50*time.Millisecond)
	}
	require.Equal(t, []string{"api.example.org. A dnsmessage.AResource{A: [4]byte{203, 0, 113, 8}}"}, ask(pharma, "API.example.ORG.", dnsmessage.TypeA).Records)
	require.Len(t, ask(pharma, "api.example.org.", dnsmessage.TypeAAAA).Records, 1)
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeTXT, dnsmessage.TypeMX, 65, dnsmessage.TypeALL} {
		answer := ask(pharma, "api.example.org.", kind)
		require.Equal(t, dnsmessage.RCodeSuccess, answer.Code)
		require.Empty(t, answer.Records)
	}
	require.Equal(t, dnsmessage.RCodeServerFailure, ask(pharma, "pending.example.org.", dnsmessage.TypeA).Code, "the client is to ask again")
	for name, from := range map[string]netip.Addr{
		"api.example.org.": rival, "other.example.org.": pharma, "data.api.example.org.": pharma, "example.org.": pharma, "org.": pharma, "api.example.org.evil.example.": pharma,
	} {
		require.Equal(t, dnsmessage.RCodeNameError, ask(from, name, dnsmessage.TypeA).Code, name)
	}
	require.Equal(t, dnsmessage.RCodeNameError, r.ask(t, dnsclient.Question{Name: "api.example.org.", Type: dnsmessage.TypeA}).Code, "an address of no pod")
	require.Len(t, ask(rival, "other.example.org.", dnsmessage.TypeA).Records, 1)

	delete(granted.Guests, "pharma")
	grant(t, granted)
	require.Eventually(t, func() bool {
		return ask(pharma, "api.example.org.", dnsmessage.TypeA).Code == dnsmessage.RCodeNameError
	}, time.Minute, 50*time.Millisecond)
	require.Empty(t, outside.asked(), "no server is asked")
}
