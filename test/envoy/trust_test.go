//go:build kernel

package envoy

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
)

// trusting is a server with the rules of PostgreSQL's official image (pg_hba.conf trusts 127.0.0.1/32 and ::1/128) and the
// common samehost), which Redis' protected mode shares: it answers a caller of the machine itself without a password.
func (w *world) trusting(t *testing.T, host string) {
	t.Helper()
	var own []netip.Addr
	require.NoError(t, w.pod.Do(func(ns.NetNS) error {
		all, err := net.InterfaceAddrs()
		for _, a := range all {
			own = append(own, netip.MustParsePrefix(a.String()).Addr())
		}
		return err
	}))
	w.listen(t, w.pod, host, 5432, func(c net.Conn) {
		caller := netip.MustParseAddrPort(c.RemoteAddr().String()).Addr().Unmap()
		answer := "password?"
		if caller.IsLoopback() || slices.Contains(own, caller) {
			answer = "superuser"
		}
		if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
			fmt.Fprintln(c, answer, caller)
		}
	})
}

func TestACallerFromOutsideIsNotTakenForTheMachineItself(t *testing.T) {
	w := newWorld(t, settings())
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			w.trusting(t, f.pod)
			ask := func(from ns.NetNS) string {
				t.Helper()
				c := w.connection(t, from, "tcp", f.pod, 5432)
				fmt.Fprint(c, unknown+"\n")
				answer, err := bufio.NewReader(c).ReadString('\n')
				require.NoError(t, err)
				return answer
			}
			require.Contains(t, ask(w.pod), "superuser", "the pod itself is trusted: the server does what it should")
			require.Contains(t, ask(w.peer), "password?")
		})
	}
}
