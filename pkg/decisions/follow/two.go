package follow

import "encoding/binary"

// Frames of HTTP/2 (RFC 9113, 6), and their flags.
const (
	frameData         = 0
	frameHeaders      = 1
	framePriority     = 2
	frameReset        = 3
	frameSettings     = 4
	framePush         = 5
	frameWindow       = 8
	frameContinuation = 9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	frameHeader   = 9
	prioritySize  = 5
	promisedSize  = 4
	settingSize   = 6
	settingTable  = 1
	maxStreams    = 512 // requests of a connection that wait; beyond them the ends are not reported
	protocolHTTP2 = "HTTP/2"
)

// two is an HTTP/2 connection.
type two struct {
	sides   [2]frames
	streams map[uint32]*stream
	last    [2]uint32 // the highest stream that has begun: of the client, and promised by the server
}

// frames is the state of reading one side.
type frames struct {
	preface string // what must still come of it
	header  [frameHeader]byte
	have    int  // bytes of the header
	begun   bool // a frame has come
	inside  bool // the payload of a frame
	left    uint32
	kind    byte
	flags   byte
	stream  uint32

	prefix   []byte // what comes before a header block, or a setting that is not whole
	needs    int    // bytes of prefix
	padding  uint32
	promised uint32
	block    *block // a header block that is not whole
	table    *table
}

func newTwo(preface string) *two {
	t := &two{streams: map[uint32]*stream{}}
	t.sides[Requests].preface = preface
	t.sides[Requests].table, t.sides[Answers].table = newTable(), newTable()
	return t
}

// read reads one step of a side.
func (t *two) read(c *Connection, s Side, data []byte) (rest []byte) {
	f := &t.sides[s]
	switch {
	case f.preface != "":
		n := min(len(f.preface), len(data))
		if string(data[:n]) != f.preface[:n] {
			c.unread(s, ReasonFrame)
			return nil
		}
		f.preface = f.preface[n:]
		return data[n:]
	case !f.inside:
		n := copy(f.header[f.have:], data)
		if f.have += n; f.have == frameHeader {
			f.have = 0
			c.side(s).framing += frameHeader
			if !t.open(s) {
				if s == Answers && !f.begun {
					c.unread(Requests, ReasonFrame) // the server's protocol is not HTTP/2, so it does not read the client's bytes as HTTP/2 either
				}
				c.unread(s, ReasonFrame)
				return nil
			}
			f.begun = true
		}
		data = data[n:]
	}
	if f.inside {
		return t.payload(c, s, data)
	}
	return data
}

// open begins a frame. It returns false for one that cannot be there: the first one of a side has its settings (RFC 9113, 3.4).
func (t *two) open(s Side) bool {
	f := &t.sides[s]
	f.inside, f.left = true, uint24(f.header[:])
	f.kind, f.flags, f.stream = f.header[3], f.header[4], binary.BigEndian.Uint32(f.header[5:])&(1<<31-1)
	f.prefix, f.needs, f.padding, f.promised = nil, 0, 0, 0
	if !f.begun && (f.kind != frameSettings || f.flags&flagAck != 0 || f.stream != 0) {
		return false
	}
	if (f.block != nil) != (f.kind == frameContinuation) || f.block != nil && f.block.stream != f.stream {
		return false // between the parts of a header block there is nothing else
	}
	switch f.kind {
	case frameHeaders, framePush:
		if f.flags&flagPadded != 0 {
			f.needs++
		}
		if f.kind == framePush {
			f.needs += promisedSize
		} else if f.flags&flagPriority != 0 {
			f.needs += prioritySize
		}
		f.block = &block{stream: f.stream, ends: f.kind == frameHeaders && f.flags&flagEndStream != 0, push: f.kind == framePush}
		return f.stream != 0 && int(f.left) >= f.needs && (f.kind == frameHeaders || s == Answers)
	case frameSettings:
		f.needs = settingSize
		return f.left%settingSize == 0
	}
	return true
}

// payload reads what data has of the frame, and ends it.
func (t *two) payload(c *Connection, s Side, data []byte) (rest []byte) {
	f := &t.sides[s]
	left := f.left
	for len(data) > 0 && f.left > 0 && len(f.prefix) < f.needs {
		f.prefix, data = append(f.prefix, data[0]), data[1:]
		f.left--
		if len(f.prefix) == f.needs && !t.prefixed(s) {
			c.unread(s, ReasonFrame)
			return nil
		}
	}
	n := min(int(f.left), len(data))
	if f.block != nil {
		fragment := max(0, int(f.left)-int(f.padding))
		if f.table.read(f.block, data[:min(n, fragment)]) != nil {
			c.unread(s, ReasonHeaderBlock)
			return nil
		}
	} else if f.kind == frameData {
		t.count(s, f.stream, n)
	}
	f.left -= uint32(n) //nolint:gosec // at most 24 bits
	t.countBeside(c.side(s), f, int64(left-f.left))
	if f.left == 0 {
		f.inside = false
		if reason := t.close(c, s); reason != "" {
			c.unread(s, reason)
			return nil
		}
	}
	return data[n:]
}

// prefixed takes apart what comes before a header block, or one setting.
func (t *two) prefixed(s Side) bool {
	f := &t.sides[s]
	p := f.prefix
	if f.kind == frameSettings {
		if binary.BigEndian.Uint16(p) == settingTable && f.flags&flagAck == 0 {
			t.sides[1-s].table.allow(binary.BigEndian.Uint32(p[2:]))
		}
		f.prefix = nil
		return true
	}
	if f.flags&flagPadded != 0 {
		f.padding, p = uint32(p[0]), p[1:]
	}
	if f.kind == framePush {
		f.promised = binary.BigEndian.Uint32(p) & (1<<31 - 1)
	}
	return f.padding <= f.left
}

// close ends a frame.
func (t *two) close(c *Connection, s Side) (reason string) {
	f := &t.sides[s]
	switch f.kind {
	case frameHeaders, frameContinuation, framePush:
		if f.promised != 0 {
			f.block.promised = f.promised
		}
		if f.flags&flagEndHeaders == 0 {
			return ""
		}
		b := f.block
		f.block = nil
		if f.table.end() != nil {
			return ReasonHeaderBlock
		}
		return t.headers(c, s, b)
	case frameData:
		if s == Answers && f.flags&flagEndStream != 0 {
			t.end(c, f.stream)
		}
	case frameReset:
		t.end(c, f.stream)
	}
	return ""
}
