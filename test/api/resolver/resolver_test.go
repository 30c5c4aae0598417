//go:build api

package resolver

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"data-space.liqo.io/pkg/decisions/resolver"
	"data-space.liqo.io/test/dnsclient"
)

func TestWhatIsNotListedIsAskedNowhere(t *testing.T) {
	outside := newServer(t)
	listed := []resolver.Domain{{Name: "example.org", Servers: []netip.Addr{outside.stand}}}
	r := start(t, resolver.Settings{Forward: listed}.Default(), outside)

	answer := r.ask(t, dnsclient.Question{Name: "www.example.org.", Type: dnsmessage.TypeA})
	require.Equal(t, []string{"www.example.org. A dnsmessage.AResource{A: [4]byte{198, 51, 100, 1}}"}, answer.Records)
	require.Equal(t, []string{"www.example.org."}, outside.asked())

	for _, name := range []string{
		"data.evil.example.", "example.com.", "notexample.org.", "org.", ".", "localhost.", "cluster.local.evil.example.",
		"example.org.default.svc.cluster.local.", "secret.cluster.local.", "1.2.0.192.in-addr.arpa.", "version.bind.", "_dns.resolver.arpa.",
		"use-application-dns.net.", "a\\b.evil.example.",
	} {
		for _, kind := range []dnsmessage.Type{
			dnsmessage.TypeTXT, dnsmessage.TypeA, dnsmessage.TypeNS, dnsmessage.TypeALL, dnsmessage.TypeAXFR, 10 /* NULL */, 65280,
		} {
			for _, tcp := range []bool{false, true} {
				answer := r.ask(t, dnsclient.Question{Name: name, Type: kind, TCP: tcp, EDNS: 1232})
				require.Contains(t, []dnsmessage.RCode{dnsmessage.RCodeNameError, dnsmessage.RCodeRefused}, answer.Code, "%s %s", name, kind)
				require.Empty(t, answer.Records)
			}
		}
	}
	require.Len(t, outside.asked(), 1, "nothing but the listed domain is asked on")
}

func TestWithoutAListNothingIsAskedAnywhere(t *testing.T) {
	outside := newServer(t)
	r := start(t, resolver.Settings{}.Default(), outside)
	require.Equal(t, dnsmessage.RCodeNameError, r.ask(t, dnsclient.Question{Name: "www.example.org.", Type: dnsmessage.TypeA}).Code)
	require.Empty(t, outside.asked())
}

func TestTheClustersNamesAreKnownWithTheRightsOfTheManifest(t *testing.T) {
	r := start(t, resolver.Settings{ClusterDomain: "hospital.internal"}.Default(), newServer(t))
	answer := r.ask(t, dnsclient.Question{Name: "kubernetes.default.svc.hospital.internal.", Type: dnsmessage.TypeA})
	require.Len(t, answer.Records, 1)
	require.True(t, answer.Authority)
	require.Equal(t, dnsmessage.RCodeNameError, r.ask(t, dnsclient.Question{Name: "kubernetes.default.svc.cluster.local.", Type: dnsmessage.TypeA}).Code)
}

func TestEachQuestionIsOneLineOfTheLogWhateverItsName(t *testing.T) {
	r := start(t, resolver.Settings{}.Default(), newServer(t))
	r.ask(t, dnsclient.Question{Name: "x\n[INFO] pod=other/pod name=y.evil.example.", Type: dnsmessage.TypeTXT})
	var lines []string
	require.Eventually(t, func() bool {
		lines = nil
		for line := range strings.Lines(r.output.String()) {
			if strings.Contains(line, "type=TXT") {
				lines = append(lines, line)
			}
		}
		return len(lines) > 0
	}, 30*time.Second, 10*time.Millisecond, "%s", r.output.End())
	require.Len(t, lines, 1)
	require.True(t, strings.HasPrefix(lines[0], "[INFO] pod=-/- client=127.0.0.1 proto=udp opcode=0 class=IN type=TXT rcode=NXDOMAIN name="), lines[0])
	require.Contains(t, lines[0], fmt.Sprintf(`x\%03d`, '\n'))
}
