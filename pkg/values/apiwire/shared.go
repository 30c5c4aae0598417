package apiwire

import (
	"google.golang.org/protobuf/encoding/protowire"

	"data-space.liqo.io/pkg/values/netpolicy"
)

// Decoder decodes objects. What many objects have in common, they share. Not safe for concurrent use.
type Decoder struct {
	texts   map[string]string
	labels  map[string]map[string]string
	ports   map[string][]netpolicy.NamedPort
	scratch []byte
}

// maxShared is how many different values are remembered; then all are forgotten, and the next ones remembered.
const maxShared = 1 << 14

// NewDecoder returns a decoder that remembers nothing yet.
func NewDecoder() *Decoder {
	return &Decoder{texts: map[string]string{}, labels: map[string]map[string]string{}, ports: map[string][]netpolicy.NamedPort{}}
}

// text returns the string of these bytes.
func (d *Decoder) text(b []byte) string {
	if known, ok := d.texts[string(b)]; ok {
		return known
	}
	text := string(b)
	remember(d.texts, text, text)
	return text
}

func remember[T any](known map[string]T, key string, value T) {
	if len(known) >= maxShared {
		clear(known)
	}
	known[key] = value
}

// labelMap returns the map of these entries; nil if there are none.
func (d *Decoder) labelMap(entries [][]byte) (map[string]string, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	key := d.joined(entries)
	if known, ok := d.labels[string(key)]; ok {
		return known, nil
	}
	out := make(map[string]string, len(entries))
	for _, e := range entries {
		k, v, err := entry(e)
		if err != nil {
			return nil, err
		}
		out[d.text(k)] = d.text(v)
	}
	remember(d.labels, string(key), out)
	return out, nil
}

// joined is a key for the messages.
func (d *Decoder) joined(messages [][]byte) []byte {
	d.scratch = d.scratch[:0]
	for _, m := range messages {
		d.scratch = protowire.AppendBytes(d.scratch, m)
	}
	return d.scratch
}

// Namespace decodes a namespace.
func (d *Decoder) Namespace(message []byte) (netpolicy.Namespace, Meta, error) {
	m, err := metaIn(message)
	if err != nil {
		return netpolicy.Namespace{}, Meta{}, err
	}
	labels, err := d.labelMap(m.labels)
	if err != nil {
		return netpolicy.Namespace{}, Meta{}, err
	}
	out, err := m.value()
	return netpolicy.Namespace{Name: out.Name, Labels: labels}, out, err
}
