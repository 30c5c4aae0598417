package follow

import (
	"strconv"

	"golang.org/x/net/http2/hpack"
)

const (
	// defaultTable is the size of the table of header fields that each side of HTTP/2 may refer to (RFC 9113, 6.5.2), and maxTable the
	// largest that is followed: a side that uses a larger one becomes unread.
	defaultTable = 4096
	maxTable     = 64 << 10
	// maxField bounds a name or value in a header block: what of it is not whole is remembered. A side that sends a longer one becomes unread.
	maxField = 16 << 10
)

// block is a header block.
type block struct {
	stream, promised        uint32
	ends, push              bool
	method, authority, path string
	cut                     bool
	status                  int
}

// table decodes the header blocks of one side, which refer to those before.
type table struct {
	decoder *hpack.Decoder
	into    *block
	held    int64 // bytes of the fields so far, as many as the table may keep
	allowed int64
	pending int64 // bytes since the last field
	saved   int64 // the most of them so far: the decoder keeps the room
}

const (
	// fieldCost is what the decoder's table takes for a field beside its name and value, and emptyField what RFC 7541 counts for one.
	fieldCost  = 250
	emptyField = 32
)

func newTable() *table {
	t := &table{allowed: defaultTable}
	t.decoder = hpack.NewDecoder(defaultTable, func(f hpack.HeaderField) {
		t.held += int64(len(f.Name)+len(f.Value)) + fieldCost
		t.pending = 0
		if t.into != nil {
			t.into.field(f)
		}
	})
	t.decoder.SetMaxStringLength(maxField)
	return t
}

// allow follows a setting of the other side.
func (t *table) allow(size uint32) {
	size = min(max(size, defaultTable), maxTable)
	t.allowed = max(t.allowed, int64(size))
	t.decoder.SetAllowedMaxDynamicTableSize(size)
}

// holds returns about how much memory the table takes at most.
func (t *table) holds() int64 {
	return min(t.held, t.allowed*(emptyField+fieldCost)/emptyField) + t.saved
}

func (t *table) read(b *block, fragment []byte) error {
	t.into = b
	t.pending += int64(len(fragment))
	_, err := t.decoder.Write(fragment)
	t.saved = max(t.saved, min(2*t.pending, 2*maxField))
	t.into = nil
	return err
}

func (t *table) end() error { return t.decoder.Close() }

func (b *block) field(f hpack.HeaderField) {
	long := false
	switch f.Name {
	case ":method":
		b.method, long = cut([]byte(f.Value), maxMethod)
	case ":authority":
		b.authority, long = cut([]byte(f.Value), maxAuthority)
	case "host":
		if b.authority == "" {
			b.authority, long = cut([]byte(f.Value), maxAuthority)
		}
	case ":path":
		b.path, long = cut([]byte(f.Value), maxPath)
	case ":status":
		if n, err := strconv.ParseUint(f.Value, 10, 10); err == nil {
			b.status = int(n)
		}
	}
	b.cut = b.cut || long
}
