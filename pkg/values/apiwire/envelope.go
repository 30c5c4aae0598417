package apiwire

import (
	"bytes"
	"fmt"
)

// Type is an object's kind with its API version.
type Type struct{ APIVersion, Kind string }

// unwrap returns the message inside the API server's envelope, and its type.
func unwrap(body []byte) (message []byte, t Type, err error) {
	rest, found := bytes.CutPrefix(body, []byte("k8s\x00"))
	if !found {
		return nil, Type{}, fmt.Errorf("%w: the prefix k8s is missing", ErrMalformed)
	}
	var encoding, contentType []byte
	err = fields(rest, func(f field) error {
		switch f.number {
		case 1:
			return f.message(t.field)
		case 2:
			return f.text(&message)
		case 3:
			return f.text(&encoding)
		case 4:
			return f.text(&contentType)
		}
		return nil
	})
	if err == nil && (len(encoding) > 0 || len(contentType) > 0 && string(contentType) != "application/vnd.kubernetes.protobuf") {
		err = fmt.Errorf("%w: content is encoded as %q %q", ErrMalformed, encoding, contentType)
	}
	return message, t, err
}

func (t *Type) field(f field) error {
	var text []byte
	switch f.number {
	case 1:
		err := f.text(&text)
		t.APIVersion = string(text)
		return err
	case 2:
		err := f.text(&text)
		t.Kind = string(text)
		return err
	}
	return nil
}

// UnwrapAs returns the message inside the envelope if it is of the type.
func UnwrapAs(body []byte, want Type) ([]byte, error) {
	message, t, err := unwrap(body)
	if err == nil && t != want {
		err = fmt.Errorf("%w: a %s %s, not a %s %s", ErrMalformed, t.APIVersion, t.Kind, want.APIVersion, want.Kind)
	}
	return message, err
}

// ListHead is what a page of a list says of the list.
type ListHead struct{ ResourceVersion, Continue string }

// List calls item for each message of a list's page.
func List(message []byte, item func([]byte) error) (ListHead, error) {
	var head ListHead
	err := fields(message, func(f field) error {
		switch f.number {
		case 1:
			return f.message(head.field)
		case 2:
			var object []byte
			if err := f.text(&object); err != nil {
				return err
			}
			return item(object)
		}
		return nil
	})
	return head, err
}

func (h *ListHead) field(f field) error {
	var text []byte
	switch f.number {
	case 2:
		err := f.text(&text)
		h.ResourceVersion = string(text)
		return err
	case 3:
		err := f.text(&text)
		h.Continue = string(text)
		return err
	}
	return nil
}

// Event returns what a frame of a watch says: the kind of event and its object, still in its envelope.
func Event(frame []byte) (kind string, object []byte, err error) {
	var text []byte
	err = fields(frame, func(f field) error {
		switch f.number {
		case 1:
			return f.text(&text)
		case 2:
			return f.message(func(f field) error {
				if f.number == 1 {
					return f.text(&object)
				}
				return nil
			})
		}
		return nil
	})
	return string(text), object, err
}
