//go:build kernel

package envoy

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/stretchr/testify/require"
)

// A client may end its side with its first bytes, or without any: the server gets both, and its answer arrives.
func TestAClientThatEndsItsSideAtOnceIsAnswered(t *testing.T) {
	s := settings()
	s.ProtocolDetection = 50 * time.Millisecond // so that a busy machine has the rest of the time for which the rule holds
	w := newWorld(t, s)
	for _, f := range families() {
		w.listen(t, w.peer, f.peer, 9, answerAtEnd)
		w.listen(t, w.pod, f.pod, 9, answerAtEnd)
		for name, way := range map[string]struct {
			from ns.NetNS
			host string
		}{"egress": {w.pod, f.peer}, "ingress": {w.peer, f.pod}} {
			for _, first := range []string{"", "hi", unknown} {
				t.Run(fmt.Sprintf("%s/%s/%d bytes", f.name, name, len(first)), func(t *testing.T) {
					t.Parallel()
					c := w.connection(t, way.from, "tcp", way.host, 9)
					if first != "" {
						fmt.Fprint(c, first)
					}
					require.NoError(t, c.(*net.TCPConn).CloseWrite())
					all, err := io.ReadAll(c)
					require.NoError(t, err)
					require.Equal(t, fmt.Sprintf("%d bytes", len(first)), string(all))
				})
			}
		}
	}
}

func answerAtEnd(c net.Conn) {
	all, _ := io.ReadAll(c)
	fmt.Fprintf(c, "%d bytes", len(all))
}
