package apiwire

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"data-space.liqo.io/pkg/values/netpolicy"
)

// Meta is what is decoded of an object's metadata.
type Meta struct {
	netpolicy.Key
	ResourceVersion string
	InitialEnd      bool // of a bookmark: the initial events are complete
}

// initialEnd is the annotation of a bookmark that ends the initial events of a watch.
const initialEnd = "k8s.io/initial-events-end"

// meta is metadata while it is decoded. It points into the message.
type meta struct {
	name, namespace, version []byte
	labels, annotations      [][]byte
	created                  int64
	terminating              bool
}

// noTime is what a time that is not set is in Unix seconds.
func noTime() int64 { return time.Time{}.Unix() }

// field takes one field of ObjectMeta, by its number in k8s.io/apimachinery's generated.proto; numbers do not change within an API version.
// Others are skipped.
func (m *meta) field(f field) error {
	var entry []byte
	switch f.number {
	case 1:
		return f.text(&m.name)
	case 3:
		return f.text(&m.namespace)
	case 6:
		return f.text(&m.version)
	case 8:
		var err error
		m.created, err = seconds(f)
		return err
	case 9:
		m.terminating = true
		_, err := seconds(f)
		return err
	case 11:
		err := f.text(&entry)
		m.labels = append(m.labels, entry)
		return err
	case 12:
		err := f.text(&entry)
		m.annotations = append(m.annotations, entry)
		return err
	}
	return nil
}

// seconds decodes a time.
func seconds(f field) (int64, error) {
	if err := f.expect(protowire.BytesType); err != nil {
		return 0, err
	}
	if len(f.bytes) == 0 {
		return noTime(), nil
	}
	var out int64
	err := fields(f.bytes, func(f field) error {
		if f.number == 1 {
			out = int64(f.varint) //nolint:gosec // two's complement, as protobuf has it
			return f.expect(protowire.VarintType)
		}
		return nil
	})
	return out, err
}

// entry decodes an entry of a map of strings.
func entry(message []byte) (key, value []byte, err error) {
	err = fields(message, func(f field) error {
		switch f.number {
		case 1:
			return f.text(&key)
		case 2:
			return f.text(&value)
		}
		return nil
	})
	return key, value, err
}

// meta returns the decoded metadata. Of annotations it looks at one only.
func (m *meta) value() (Meta, error) {
	out := Meta{Key: netpolicy.Key{Namespace: string(m.namespace), Name: string(m.name)}, ResourceVersion: string(m.version)}
	for _, a := range m.annotations {
		key, value, err := entry(a)
		if err != nil {
			return out, err
		}
		if string(key) == initialEnd {
			out.InitialEnd = string(value) == "true"
		}
	}
	return out, nil
}

// MetaOf decodes the metadata of any object.
func MetaOf(message []byte) (Meta, error) {
	m, err := metaIn(message)
	if err != nil {
		return Meta{}, err
	}
	return m.value()
}

// metaIn reads the metadata of any object, which is the first field of each kind, and skips the rest.
func metaIn(message []byte) (meta, error) {
	m := meta{created: noTime()}
	return m, fields(message, func(f field) error {
		if f.number == 1 {
			return f.message(m.field)
		}
		return nil
	})
}
