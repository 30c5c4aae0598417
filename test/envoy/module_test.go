//go:build kernel

package envoy

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"data-space.liqo.io/pkg/decisions/follow"
)

// moduleFillings are attempts to fill the memory of the module that reads along.
func moduleFillings() map[string]filling {
	return map[string]filling{
		"first lines without end":       {1000, slow("GET /" + strings.Repeat("x", 60<<10)), into, podSilent},
		"bytes one by one":              {1000, oneByOne, out, silent4},
		"pipelined requests":            {200, slow(strings.Repeat("GET /"+strings.Repeat("x", 4000)+" HTTP/1.1\r\nHost: h\r\n\r\n", 250)), out, silent4},
		"chunk extensions without end":  {1000, slow("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 60<<10)), out, silent4},
		"tables of header fields":       {1000, fieldTables, out, tables4},
		"TLS hellos without end":        {1000, slow("\x16\x03\x01\x3f\xff\x01\xff\xff\xff" + strings.Repeat("x", 0x3ff0)), out, silent4},
		"many header lists to a server": {20, manyHeaderLists, out, silent4},
	}
}

// tables4 is a server of HTTP/2 that allows large tables of header fields.
const tables4 = peer4 + ":7005"

// The tenant may fill what it can: the proxy lives, serves again at once, and writes what is not read.
func TestTheModulesMemoryIsBounded(t *testing.T) {
	for name, f := range moduleFillings() {
		t.Run(name, func(t *testing.T) {
			w := &world{cage: newCage(t)}
			w.fillable(t, following(t))
			w.listen(t, w.peer, peer4, 7005, func(c net.Conn) {
				framer := http2.NewFramer(c, nil)
				_ = framer.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1 << 20})
				time.Sleep(tryLong)
			})
			f.run(t, w, time.Second)
			require.Zero(t, w.cage.kills(t), "the proxy was killed")
			t.Log("peak", w.cage.read(t, w.cage.peak), "unread for memory", strings.Count(w.stderr.String(), follow.ReasonMemory))
			require.Eventually(t, func() bool { return w.answers() }, 3*waitLong, 10*waitStep, "it serves again")
			w.line(t, byPath("/ordinary"))
		})
	}
}

func oneByOne(_ *world, c net.Conn, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(10 * time.Millisecond):
			if _, err := c.Write([]byte("G")); err != nil {
				return
			}
		}
	}
}

// fieldTables fills the largest table of header fields with the smallest ones, which take the most memory.
func fieldTables(_ *world, c net.Conn, done <-chan struct{}) {
	fmt.Fprint(c, http2.ClientPreface)
	time.Sleep(100 * time.Millisecond) // the server's settings come first
	var wire, block bytes.Buffer
	framer, encoder := http2.NewFramer(&wire, nil), hpack.NewEncoder(&block)
	encoder.SetMaxDynamicTableSizeLimit(64 << 10)
	encoder.SetMaxDynamicTableSize(64 << 10)
	for i := range 1500 {
		_ = encoder.WriteField(hpack.HeaderField{Name: fmt.Sprintf("%x", i)})
	}
	_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes()})
	_, _ = c.Write(wire.Bytes())
	<-done
}
