//go:build lab

package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/programs/controller"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/dnsclient"
)

// questions are put in every form, and every one for each of the types.
func questions(t *testing.T, n *names) (names []string, types []dnsmessage.Type) {
	t.Helper()
	web, err := n.kube.CoreV1().Services("names-space").Get(t.Context(), "web", metav1.GetOptions{})
	require.NoError(t, err)
	names = []string{
		"kubernetes.default.svc.cluster.local.", "web.names-space.svc.cluster.local.", "WEB.Names-Space.SVC.cluster.local.",
		"_http._tcp.web.names-space.svc.cluster.local.", "_none._tcp.web.names-space.svc.cluster.local.",
		"headless.names-space.svc.cluster.local.", "one.headless.names-space.svc.cluster.local.", "_http._tcp.headless.names-space.svc.cluster.local.",
		"four.names-space.svc.cluster.local.", "large.names-space.svc.cluster.local.", "other-name.names-space.svc.cluster.local.",
		"absent.names-space.svc.cluster.local.", "web.absent.svc.cluster.local.", "names-space.svc.cluster.local.", "svc.cluster.local.",
		"web.names-space.svc.cluster.local.pharma-space.svc.cluster.local.", "dns-version.cluster.local.",
		strings.NewReplacer(".", "-", ":", "-").Replace(n.guest.Status.PodIPs[0].IP) + ".pharma-space.pod.cluster.local.",
		strings.NewReplacer(".", "-", ":", "-").Replace(n.guest.Status.PodIPs[1].IP) + ".pharma-space.pod.cluster.local.",
		"1.100.51.198.in-addr.arpa.", "250.100.51.198.in-addr.arpa.",
	}
	for _, ip := range web.Spec.ClusterIPs {
		names = append(names, reverse(netip.MustParseAddr(ip)))
	}
	return names, []dnsmessage.Type{
		dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypeSRV, dnsmessage.TypeTXT, dnsmessage.TypeMX, dnsmessage.TypePTR,
		dnsmessage.TypeCNAME, dnsmessage.TypeSOA, dnsmessage.TypeALL, 65 /* HTTPS */, 257, /* CAA */
	}
}

func reverse(addr netip.Addr) string {
	text := ""
	if addr.Is4() {
		for _, b := range addr.As4() {
			text = fmt.Sprintf("%d.%s", b, text)
		}
		return text + "in-addr.arpa."
	}
	for _, b := range addr.As16() {
		text = fmt.Sprintf("%x.%x.%s", b&15, b>>4, text)
	}
	return text + "ip6.arpa."
}

func TestAGuestIsAnsweredAsByTheClustersDNS(t *testing.T) {
	n := newNames(t)
	kubectl(t, servicesWithNames(), "apply", "-f", "-")
	t.Cleanup(func() { kubectl(t, "", "delete", "namespace", "names-space", "--wait=false") })
	large := dnsclient.Question{Name: "large.names-space.svc.cluster.local.", Type: dnsmessage.TypeA}
	require.Eventually(t, func() bool {
		answer, err := n.asGuest(t, large)
		return err == nil && len(answer.Records) == 120 && len(n.clusterDNS(t, large).Records) == 120
	}, 2*time.Minute, time.Second, "both know of the new names")

	names, types := questions(t, n)
	for form, edns := range map[string]uint16{"UDP": 0, "EDNS": 4096, "TCP": 0} {
		for _, name := range names {
			t.Run(form+" "+name, func(t *testing.T) {
				for _, kind := range types {
					q := dnsclient.Question{Name: name, Type: kind, EDNS: edns, TCP: form == "TCP"}
					want := n.clusterDNS(t, q)
					got, err := n.asGuest(t, q)
					require.NoError(t, err)
					if edns > 0 {
						got.Truncated = want.Truncated // ours asks for TCP sooner, so that nothing is cut on the way
					}
					require.Equal(t, want, got, kind)
				}
			})
		}
	}
	answer, err := n.asGuest(t, large)
	require.NoError(t, err)
	require.True(t, answer.Truncated, "120 addresses do not fit into one datagram; the whole came over TCP")
}

func TestQuestionsForBothFamiliesFromOneSocketAreAnswered(t *testing.T) {
	n := newNames(t)
	require.NoError(t, n.space.Do(func() error {
		conn, err := net.Dial("udp", "198.51.100.253:53") // musl and glibc ask both at once from one port
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
		name := dnsmessage.MustNewName("hospital.hospital-space.svc.cluster.local.")
		for id, kind := range map[uint16]dnsmessage.Type{1: dnsmessage.TypeA, 2: dnsmessage.TypeAAAA} {
			message := dnsmessage.Message{
				Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
				Questions: []dnsmessage.Question{{Name: name, Type: kind, Class: dnsmessage.ClassINET}},
			}
			packed, err := message.Pack()
			require.NoError(t, err)
			_, err = conn.Write(packed)
			require.NoError(t, err)
		}
		seen := map[uint16]bool{}
		for range 2 {
			buffer, message := make([]byte, 4096), dnsmessage.Message{}
			size, err := conn.Read(buffer)
			require.NoError(t, err)
			require.NoError(t, message.Unpack(buffer[:size]))
			require.Equal(t, dnsmessage.RCodeSuccess, message.RCode)
			seen[message.ID] = true
		}
		require.Len(t, seen, 2)
		return nil
	}))
}

// TestCLibrariesInAGuestsNetworkResolveShortAndLongNames: the machine's glibc, and a program that is linked with musl.
func TestCLibrariesInAGuestsNetworkResolveShortAndLongNames(t *testing.T) {
	n := newNames(t)
	kubectl(t, guestPod("names"), "apply", "-f", "-")
	t.Cleanup(func() { kubectl(t, "", "delete", "pod", "-n", "pharma-space", "names", "--wait=false") })
	kubectl(t, "", "wait", "-n", "pharma-space", "pod/names", "--for=condition=Ready", "--timeout=180s")
	settings, musl := filepath.Join(t.TempDir(), "resolv.conf"), filepath.Join(t.TempDir(), "resolve")
	text := kubectl(t, "", "exec", "-n", "pharma-space", "names", "-c", "app", "--", "cat", "/etc/resolv.conf")
	require.Contains(t, text, "search pharma-space.svc.cluster.local svc.cluster.local cluster.local")
	require.NoError(t, os.WriteFile(settings, []byte(text), 0o644))
	out, err := exec.Command("musl-gcc", "-static", "-o", musl, "testdata/resolve.c").CombinedOutput()
	require.NoError(t, err, "%s (make tools installs musl-gcc)", out)

	for library, command := range map[string][]string{"glibc": {"getent", "ahosts"}, "musl": {musl}} {
		t.Run(library, func(t *testing.T) {
			resolve := func(name string) (string, error) { return n.withSettings(t, settings, append(command, name)...) }
			for name, namespace := range map[string]string{
				"pharma": "pharma-space", "hospital.hospital-space": "hospital-space", "hospital.hospital-space.svc.cluster.local.": "hospital-space",
			} {
				service, err := n.kube.CoreV1().Services(namespace).Get(t.Context(), strings.SplitN(name, ".", 2)[0], metav1.GetOptions{})
				require.NoError(t, err)
				found, err := resolve(name)
				require.NoError(t, err, "%s: %s", name, found)
				for _, ip := range service.Spec.ClusterIPs {
					require.Contains(t, found, ip, name)
				}
			}
			const soon = 3 * time.Second // without an answer a library waits for five
			took := time.Hour
			for i := 0; i < 5 && took >= soon; i++ { // a busy machine starts a program slowly
				began := time.Now()
				found, err := resolve("data.evil.example")
				require.Error(t, err, found)
				took = time.Since(began)
			}
			require.Less(t, took, soon, "a name outside is refused at once")
		})
	}
}

func TestWithTheResolverDownNamesFailAndAnEventSaysSoAndPodsStart(t *testing.T) {
	n := newNames(t)
	hospital := dnsclient.Question{Name: "hospital.hospital-space.svc.cluster.local.", Type: dnsmessage.TypeA}
	since := time.Now().Add(-time.Second)
	deployment := "deployment/" + apis.ResolverName
	kubectl(t, "", "scale", "-n", apis.SystemNamespace, deployment, "--replicas=0")
	t.Cleanup(func() {
		kubectl(t, "", "scale", "-n", apis.SystemNamespace, deployment, "--replicas=2")
		kubectl(t, "", "rollout", "status", "-n", apis.SystemNamespace, deployment, "--timeout=180s")
	})
	kubectl(t, "", "wait", "-n", apis.SystemNamespace, "pod", "-l", apis.LabelName+"="+apis.ResolverName, "--for=delete", "--timeout=180s")
	for _, tcp := range []bool{false, true} {
		hospital.TCP = tcp
		_, err := n.asGuest(t, hospital)
		require.Error(t, err, "nobody else answers")
	}
	require.Eventually(t, func() bool { return n.resolverEvents(t, controller.ReasonResolverDown, since) > 0 }, 3*time.Minute, time.Second)

	kubectl(t, guestPod("nameless"), "apply", "-f", "-")
	t.Cleanup(func() { kubectl(t, "", "delete", "pod", "-n", "pharma-space", "nameless", "--wait=false") })
	kubectl(t, "", "wait", "-n", "pharma-space", "pod/nameless", "--for=condition=Ready", "--timeout=180s")

	kubectl(t, "", "scale", "-n", apis.SystemNamespace, deployment, "--replicas=2")
	require.Eventually(t, func() bool { return n.resolverEvents(t, controller.ReasonResolverUp, since) > 0 }, 3*time.Minute, time.Second)
	require.Eventually(t, func() bool {
		answer, err := n.asGuest(t, hospital)
		return err == nil && len(answer.Records) == 1
	}, 2*time.Minute, time.Second, "names are back without a restart of the pod")
}

func guestPod(name string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s, namespace: pharma-space, labels: {app: visiting}}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  containers:
  - {name: app, image: "docker.io/data-spacer/agent:dev", imagePullPolicy: IfNotPresent, command: [sleep, infinity]}
`, name)
}

// servicesWithNames are Services of every kind that has names of its own.
func servicesWithNames() string {
	endpoints := func(service, slice, kind, hostname string, addresses ...string) string {
		text := fmt.Sprintf(`---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %s, namespace: names-space, labels: {kubernetes.io/service-name: %s}}
addressType: %s
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints:
`, slice, service, kind)
		for _, address := range addresses {
			text += fmt.Sprintf("- {addresses: [%q]%s}\n", address, hostname)
		}
		return text
	}
	var many []string
	for i := range 120 {
		many = append(many, fmt.Sprintf("198.51.100.%d", 100+i))
	}
	return `
apiVersion: v1
kind: Namespace
metadata: {name: names-space}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: names-space}
spec: {ipFamilyPolicy: RequireDualStack, ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: names-space}
spec: {clusterIP: None, ipFamilyPolicy: RequireDualStack, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: four, namespace: names-space}
spec: {ipFamilyPolicy: SingleStack, ipFamilies: [IPv4], ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: large, namespace: names-space}
spec: {clusterIP: None, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: other-name, namespace: names-space}
spec: {type: ExternalName, externalName: web.names-space.svc.cluster.local}
` + endpoints("headless", "headless-4", "IPv4", ", hostname: one", "198.51.100.1") +
		endpoints("headless", "headless-4b", "IPv4", "", "198.51.100.2", "198.51.100.3") +
		endpoints("headless", "headless-6", "IPv6", ", hostname: one", "2001:db8::1:1") +
		endpoints("large", "large", "IPv4", "", many...)
}
