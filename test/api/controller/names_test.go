//go:build api

package controller

import (
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"data-space.liqo.io/pkg/decisions/guestnames"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// zone is a DNS server with these IPv4 addresses; other names do not exist.
type zone struct {
	address string
	mu      sync.Mutex
	hosts   map[string][]string
}

func newZone(t *testing.T) *zone {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	z := &zone{address: conn.LocalAddr().String(), hosts: map[string][]string{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		z.serve(conn)
	}()
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-done
	})
	return z
}

func (z *zone) set(name string, addresses ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.hosts[name+"."] = addresses
}

func (z *zone) serve(conn net.PacketConn) {
	for buffer := make([]byte, 1500); ; {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		m := dnsmessage.Message{}
		if m.Unpack(buffer[:n]) == nil && len(m.Questions) == 1 {
			z.answer(&m)
			if packed, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}
}

func (z *zone) answer(m *dnsmessage.Message) {
	z.mu.Lock()
	defer z.mu.Unlock()
	q := m.Questions[0]
	addresses, exists := z.hosts[q.Name.String()]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if !exists {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, a := range addresses {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
			})
		}
	}
}

// opens returns the networks that a GuestPolicy opens in a namespace.
func (w *world) opens(t *testing.T, namespace string) string {
	t.Helper()
	p := w.guestNetwork(t, namespace)
	if p == nil {
		return ""
	}
	var all []string
	for _, rule := range p.Spec.Egress {
		for _, to := range rule.To {
			all = append(all, to.IPBlock.CIDR)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// answers returns what the resolver answers of a name in a namespace.
func (w *world) answers(t *testing.T, namespace, name string) []netip.Addr {
	t.Helper()
	found := find(t, w, apis.SystemNamespace, apis.NamesConfigMapName, &corev1.ConfigMap{})
	if found == nil {
		return nil
	}
	answers := guestnames.Answers{}
	require.NoError(t, json.Unmarshal([]byte(found.Data[apis.NamesKey]), &answers))
	guest, known := answers.Namespaces[namespace]
	if !known {
		return nil
	}
	return answers.Guests[guest][name]
}

func (w *world) condition(t *testing.T, policy, kind string) metav1.Condition {
	t.Helper()
	p := &v1alpha1.GuestPolicy{}
	require.NoError(t, w.client.Get(t.Context(), client.ObjectKey{Name: policy}, p))
	if c := meta.FindStatusCondition(p.Status.Conditions, kind); c != nil && c.ObservedGeneration == p.Generation {
		return *c
	}
	return metav1.Condition{}
}

func toHosts(names ...v1alpha1.HostName) v1alpha1.GuestPolicySpec {
	return v1alpha1.GuestPolicySpec{Network: &v1alpha1.Network{Egress: []v1alpha1.EgressRule{{Names: names}}}}
}

func TestAHostIsOpenedByItsNameForItsGuestOnly(t *testing.T) {
	w, dns := newWorld(t), newZone(t)
	dns.set("api.example.org", "203.0.113.8", "203.0.113.9")
	dns.set("trap.example.org", "10.36.0.9", "169.254.169.254", "192.168.7.7") // the API server, a metadata service, a private address
	first := w.start(t, "--guest-names-server="+dns.address)
	one, other := w.namespace(t, foreign(apis.LabelRemoteCluster, "named")), w.namespace(t, foreign(apis.LabelRemoteCluster, "nameless"))

	w.decide(t, "named", toHosts("api.example.org", "trap.example.org", "gone.example.org"))
	eventually(t, "its addresses are open, and those of no other name", func() bool { return w.opens(t, one) == "203.0.113.8/31" })
	eventually(t, "and are answered after that", func() bool { return len(w.answers(t, one, "api.example.org")) == 2 })
	require.Empty(t, w.answers(t, one, "trap.example.org"))
	require.Empty(t, w.answers(t, other, "api.example.org"))
	require.Nil(t, w.guestNetwork(t, other))
	eventually(t, "the condition names what is not opened", func() bool {
		c := w.condition(t, "named", v1alpha1.ConditionNamesResolved)
		return c.Status == metav1.ConditionFalse && strings.Contains(c.Message, "gone.example.org: the DNS has no address of it") &&
			strings.Contains(c.Message, "trap.example.org: its address 10.36.0.9 is one that no GuestPolicy opens") &&
			strings.Contains(c.Message, "its address 192.168.7.7 is private")
	})

	dns.set("api.example.org", "203.0.113.12")
	first.stop(t)
	w.start(t, "--guest-names-server="+dns.address)
	eventually(t, "a new address is opened, and those of before stay open, also across a restart", func() bool {
		return w.opens(t, one) == "203.0.113.12/32 203.0.113.8/31"
	})
	eventually(t, "only the new one is answered", func() bool {
		return slices.Equal(w.answers(t, one, "api.example.org"), []netip.Addr{netip.MustParseAddr("203.0.113.12")})
	})

	w.decide(t, "named", toHosts("api.example.org"))
	eventually(t, "all is resolved", func() bool {
		return w.condition(t, "named", v1alpha1.ConditionNamesResolved).Status == metav1.ConditionTrue
	})
	w.decide(t, "named", v1alpha1.GuestPolicySpec{})
	eventually(t, "what is not allowed any more is revoked", func() bool { return w.guestNetwork(t, one) == nil })
	eventually(t, "and not answered", func() bool { return w.answers(t, one, "api.example.org") == nil })
}
