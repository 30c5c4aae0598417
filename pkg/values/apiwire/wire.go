package apiwire

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrMalformed means that a message is not what the API server sends.
var ErrMalformed = errors.New("malformed protobuf message from the API server")

// field is one field of a message.
type field struct {
	number int32
	kind   protowire.Type
	bytes  []byte // of a BytesType
	varint uint64 // of a VarintType
}

// fields calls each for every field of the message, in order. Fields of other types than bytes and varint are skipped.
func fields(message []byte, each func(field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(n))
		}
		message = message[n:]
		f := field{number: int32(number), kind: kind}
		switch kind {
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(message)
		case protowire.VarintType:
			f.varint, n = protowire.ConsumeVarint(message)
		default:
			n = protowire.ConsumeFieldValue(number, kind, message)
		}
		if n < 0 {
			return fmt.Errorf("%w: field %d: %w", ErrMalformed, number, protowire.ParseError(n))
		}
		message = message[n:]
		if err := each(f); err != nil {
			return err
		}
	}
	return nil
}

// expect is an error unless the field has the type.
func (f field) expect(kind protowire.Type) error {
	if f.kind != kind {
		return fmt.Errorf("%w: field %d has wire type %d, not %d", ErrMalformed, f.number, f.kind, kind)
	}
	return nil
}

// message calls each for every field of the message that the field holds.
func (f field) message(each func(field) error) error {
	if err := f.expect(protowire.BytesType); err != nil {
		return err
	}
	return fields(f.bytes, each)
}

// text sets the string that the field holds.
func (f field) text(to *[]byte) error {
	*to = f.bytes
	return f.expect(protowire.BytesType)
}
