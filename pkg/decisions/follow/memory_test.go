package follow_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"data-space.liqo.io/pkg/decisions/follow"
)

// held returns how many bytes each of many connections holds after the same bytes.
func held(feed func(c *follow.Connection)) int64 {
	const many = 50
	var before, after runtime.MemStats
	all := make([]follow.Connection, many)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range all {
		feed(&all[i])
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(all)
	return (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / many
}

func TestWhatAConnectionHoldsIsBounded(t *testing.T) {
	repeat := func(feed func([]byte) []follow.Event, piece string, times int) {
		for range times {
			feed([]byte(piece))
		}
	}
	tooLong := strings.Repeat("x", 1000)
	for name, row := range map[string]struct {
		most int64
		feed func(c *follow.Connection)
	}{
		"at rest": {2 << 10, func(c *follow.Connection) {
			c.Sent([]byte(get[2:]))
			c.Answered([]byte(ok[2:]))
		}},
		"opaque": {2 << 10, func(c *follow.Connection) {
			repeat(c.Sent, "\x00"+tooLong, 100)
			repeat(c.Answered, tooLong, 100)
		}},
		"a first line without an end": {24 << 10, func(c *follow.Connection) { repeat(c.Sent, tooLong, 100) }},
		"a field without an end":      {24 << 10, func(c *follow.Connection) { c.Sent([]byte(get[2:20])); repeat(c.Sent, tooLong, 100) }},
		"fields without an end":       {2 << 10, func(c *follow.Connection) { c.Sent([]byte(get[2:20])); repeat(c.Sent, tooLong+": a\r\n", 100) }},
		"an answer without an end":    {24 << 10, func(c *follow.Connection) { c.Sent([]byte(get[2:])); repeat(c.Answered, tooLong, 100) }},
		"a chunk's size without end": {24 << 10, func(c *follow.Connection) {
			c.Sent([]byte("A / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;"))
			repeat(c.Sent, tooLong, 100)
		}},
		"requests without answers":    {64 << 10, func(c *follow.Connection) { repeat(c.Sent, get[2:], 1000) }},
		"a hello without an end":      {64 << 10, func(c *follow.Connection) { repeat(c.Sent, "\x16\x03\x01\x03\xe8\x01\xff\xff\xff"+tooLong[:996], 100) }},
		"a server that speaks zeroes": {2 << 10, func(c *follow.Connection) { repeat(c.Answered, "\x00", 1000) }},
		"a header field without end":  {128 << 10, func(c *follow.Connection) { endlessField(c, tooLong) }},
		"streams without answers":     {256 << 10, streamsWithoutAnswers},
		"a table of header fields":    {256 << 10, largeTable},
	} {
		t.Run(name, func(t *testing.T) {
			got := held(row.feed)
			t.Logf("%d bytes", got)
			require.Less(t, got, row.most)
		})
	}
}

func endlessField(c *follow.Connection, tooLong string) {
	c.Sent([]byte(http2.ClientPreface))
	c.Sent([]byte("\xff\xff\xff\x01\x00\x00\x00\x00\x01\x00\x01x\x7f\xff\xff\x7f"))
	for range 100 {
		c.Sent([]byte(tooLong))
	}
}

func streamsWithoutAnswers(c *follow.Connection) {
	c.Sent([]byte(http2.ClientPreface))
	var out, block bytes.Buffer
	framer, encoder := http2.NewFramer(&out, nil), hpack.NewEncoder(&block)
	for i := range uint32(2000) {
		block.Reset()
		_ = encoder.WriteField(hpack.HeaderField{Name: ":method", Value: "GET"})
		_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: block.Bytes(), EndHeaders: true})
		c.Sent(out.Bytes())
		out.Reset()
	}
}

// largeTable has both sides allow, and use, the largest tables.
func largeTable(c *follow.Connection) {
	c.Sent([]byte(http2.ClientPreface))
	for side, feed := range []func([]byte) []follow.Event{c.Answered, c.Sent} {
		var out, block bytes.Buffer
		framer, encoder := http2.NewFramer(&out, nil), hpack.NewEncoder(&block)
		_ = framer.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1 << 30})
		feed(out.Bytes())
		if side == 0 {
			continue
		}
		out.Reset()
		encoder.SetMaxDynamicTableSizeLimit(1 << 30)
		encoder.SetMaxDynamicTableSize(64 << 10)
		for i := range 200 {
			_ = encoder.WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("y", 1000+i)})
		}
		for fragment := block.Bytes(); len(fragment) > 0; fragment = fragment[min(len(fragment), 16000):] {
			_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: fragment[:min(len(fragment), 16000)]})
			break
		}
		feed(out.Bytes())
	}
}
