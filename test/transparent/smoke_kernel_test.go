//go:build kernel

package transparent

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The fixture: every pod reaches every other by both families, and the record shows which connections passed a proxy.
func TestEveryPodReachesEveryOther(t *testing.T) {
	w := newWorld(t)
	all := []*place{w.ordinary, w.server, w.foreign, w.guest}
	for _, p := range all {
		p.listen(8080, func(c net.Conn) {
			line, err := bufio.NewReader(c).ReadString('\n')
			if err == nil {
				fmt.Fprint(c, p.name+" "+line)
			}
		})
	}
	for _, from := range all {
		for _, to := range all {
			for _, a := range []string{to.v4.String(), to.v6.String()} {
				c, err := from.dial(net.JoinHostPort(a, "8080"))
				require.NoError(t, err, "%s to %s", from.name, to.name)
				require.NoError(t, c.SetDeadline(time.Now().Add(waitLong)))
				fmt.Fprint(c, "hello from "+from.name+"\n")
				answer, err := bufio.NewReader(c).ReadString('\n')
				require.NoError(t, err, "%s to %s at %s", from.name, to.name, a)
				require.Equal(t, to.name+" hello from "+from.name+"\n", answer)
				_ = c.Close()
			}
		}
	}
	out, err := w.foreign.output("cat", "/proc/self/cgroup")
	require.NoError(t, err)
	require.Contains(t, out, w.foreign.app.Path, "programs run in the application's container")
	address := net.JoinHostPort(w.server.v4.String(), "8080")
	w.foreign.logged(t, func(l map[string]any) bool { return l["original_destination"] == address })
}
