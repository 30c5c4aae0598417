//go:build api

package resolver

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"data-space.liqo.io/pkg/decisions/resolver"
	"data-space.liqo.io/test/dnsclient"
)

// Two clients share the resolver: one asks as fast as it can, the other now and then.
func TestOneClientsFloodIsBoundedInTheLogAndTheOthersAreAnswered(t *testing.T) {
	const flood, rate = 4000, 50
	settings := resolver.Settings{QueriesPerSecond: rate}.Default()
	r := start(t, settings, newServer(t))
	loud, quiet := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")
	began := time.Now()
	for i := range flood {
		answer := r.ask(t, dnsclient.Question{Name: fmt.Sprintf("%04d.data.evil.example.", i), Type: dnsmessage.TypeTXT, From: loud, TCP: i%100 == 99})
		require.Contains(t, []dnsmessage.RCode{dnsmessage.RCodeNameError, dnsmessage.RCodeRefused}, answer.Code)
		if i%200 == 0 {
			answer := r.ask(t, dnsclient.Question{Name: "quiet.example.", Type: dnsmessage.TypeA, From: quiet})
			require.Equal(t, dnsmessage.RCodeNameError, answer.Code, "the other client is answered in the middle of the flood")
		}
	}
	most := 10*rate + rate*(int(time.Since(began).Seconds())+1)
	require.Less(t, most, flood/2, "the machine is too slow for this flood to be one")

	count := func(pattern string) int { return len(regexp.MustCompile(pattern).FindAllString(r.output.String(), -1)) }
	require.Eventually(t, func() bool { return count(`client=127\.0\.0\.2 proto`)+refused(r) >= flood }, 2*time.Minute, 100*time.Millisecond,
		"every question of the flood is a line of the log, or counted in a line about those that were refused")
	require.Equal(t, flood, count(`client=127\.0\.0\.2 proto`)+refused(r))
	require.LessOrEqual(t, count(`client=127\.0\.0\.2 proto`), most)
	require.Equal(t, flood/200, count(`client=127\.0\.0\.3 proto`), "nothing of the other client is missing")
}

// refused adds up what the log says was refused of 127.0.0.2.
func refused(r *running) int {
	sum := 0
	for _, match := range regexp.MustCompile(`pod=-/- client=127\.0\.0\.2 refused=(\d+) limit=50/s\n`).FindAllStringSubmatch(r.output.String(), -1) {
		n, err := strconv.Atoi(match[1])
		if err != nil {
			return -1
		}
		sum += n
	}
	return sum
}

// A guest may ask in every class and with every operation; the answer carries nothing, and the log has the question.
func TestEveryClassAndOperationIsAnsweredWithNothingAndLogged(t *testing.T) {
	r := start(t, resolver.Settings{}.Default(), newServer(t))
	for _, test := range []struct {
		question dnsclient.Question
		code     dnsmessage.RCode
		line     string
	}{
		{dnsclient.Question{Name: "chaos.evil.example.", Class: dnsmessage.ClassCHAOS}, dnsmessage.RCodeNameError, "opcode=0 class=CH type=TXT rcode=NXDOMAIN"},
		{dnsclient.Question{Name: "hesiod.evil.example.", Class: dnsmessage.ClassHESIOD}, dnsmessage.RCodeNameError, "opcode=0 class=HS type=TXT rcode=NXDOMAIN"},
		{dnsclient.Question{Name: "any.evil.example.", Class: dnsmessage.ClassANY}, dnsmessage.RCodeNameError, "opcode=0 class=CLASS255 type=TXT rcode=NXDOMAIN"},
		{dnsclient.Question{Name: "own.evil.example.", Class: 65280}, dnsmessage.RCodeNameError, "opcode=0 class=CLASS65280 type=TXT rcode=NXDOMAIN"},
		{dnsclient.Question{Name: "kubernetes.default.svc.cluster.local.", Class: dnsmessage.ClassCHAOS}, dnsmessage.RCodeNameError, "opcode=0 class=CH type=TXT rcode=NXDOMAIN"},
		{dnsclient.Question{Name: "inverse.evil.example.", OpCode: 1}, dnsmessage.RCodeNotImplemented, "opcode=1 class=IN type=TXT rcode=NOTIMP"},
		{dnsclient.Question{Name: "status.evil.example.", OpCode: 2}, dnsmessage.RCodeNotImplemented, "opcode=2 class=IN type=TXT rcode=NOTIMP"},
		{dnsclient.Question{Name: "notify.evil.example.", OpCode: 4}, dnsmessage.RCodeNotImplemented, "opcode=4 class=IN type=TXT rcode=NOTIMP"},
		{dnsclient.Question{Name: "update.evil.example.", OpCode: 5}, dnsmessage.RCodeNotImplemented, "opcode=5 class=IN type=TXT rcode=NOTIMP"},
		{dnsclient.Question{Name: "sixteenth.evil.example.", OpCode: 15}, dnsmessage.RCodeNotImplemented, "opcode=15 class=IN type=TXT rcode=NOTIMP"},
	} {
		for _, tcp := range []bool{false, true} {
			test.question.Type, test.question.TCP = dnsmessage.TypeTXT, tcp
			answer := r.ask(t, test.question)
			require.Equal(t, test.code, answer.Code, test.question.Name)
			require.Empty(t, answer.Records)
		}
		require.Eventually(t, func() bool {
			return strings.Count(r.output.String(), test.line+" name="+test.question.Name) == 2
		}, 30*time.Second, 10*time.Millisecond, "%s: %s", test.question.Name, r.output.End())
	}
}
