package policywatch

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"data-space.liqo.io/pkg/values/apiwire"
)

// maxFrame is the longest frame of a watch that is read: several times what the API server stores of an object.
const maxFrame = 32 << 20

// maxPage is the longest page of a list that is read.
const maxPage = 1 << 30

// event is a frame of a watch.
type event struct {
	what watch.EventType
	reading
}

// frames reads the frames of a watch.
type frames struct {
	kind   kind
	answer answer
	buffer bytes.Buffer
	text   *json.Decoder
}

// next returns the next event; io.EOF at the end of the watch. errExpired where the version is too old.
func (f *frames) next() (event, error) {
	if f.answer.proto {
		return f.nextProto()
	}
	if f.text == nil {
		f.text = json.NewDecoder(f.answer)
	}
	var e struct {
		Type   watch.EventType
		Object json.RawMessage
	}
	if err := f.text.Decode(&e); err != nil {
		return event{}, err
	}
	if e.Type == watch.Error {
		var s metav1.Status
		err := json.Unmarshal(e.Object, &s)
		return event{}, errors.Join(err, failure(s))
	}
	r, err := f.kind.json(e.Object)
	return event{e.Type, r}, err
}

// nextProto reads one frame of a watch: its length in four bytes, then the event in protobuf. A longer frame than maxFrame is an error, before
// its bytes are read.
func (f *frames) nextProto() (event, error) {
	var head [4]byte
	if _, err := io.ReadFull(f.answer, head[:]); err != nil {
		return event{}, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length > maxFrame {
		return event{}, fmt.Errorf("%w: a frame of %d bytes", apiwire.ErrMalformed, length)
	}
	f.buffer.Reset()
	if _, err := io.CopyN(&f.buffer, f.answer, int64(length)); err != nil {
		return event{}, noEnd(err)
	}
	what, object, err := apiwire.Event(f.buffer.Bytes())
	if err != nil {
		return event{}, err
	}
	if watch.EventType(what) == watch.Error {
		return event{}, protoFailure(object)
	}
	message, err := apiwire.UnwrapAs(object, f.kind.of)
	if err != nil {
		return event{}, err
	}
	if watch.EventType(what) == watch.Bookmark {
		m, err := apiwire.MetaOf(message)
		return event{watch.Bookmark, reading{Meta: m}}, err
	}
	r, err := f.kind.proto(message)
	return event{watch.EventType(what), r}, err
}

// noEnd makes of an end within a frame an error that is not the end of the watch.
func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func protoFailure(object []byte) error {
	message, err := apiwire.UnwrapAs(object, apiwire.Type{APIVersion: "v1", Kind: "Status"})
	if err != nil {
		return err
	}
	var s metav1.Status
	if err := s.Unmarshal(message); err != nil {
		return err
	}
	return failure(s)
}

func failure(s metav1.Status) error {
	if s.Code == http.StatusGone {
		return errExpired
	}
	return fmt.Errorf("the API server ends a watch: %s (%d)", s.Message, s.Code)
}

// listed calls each for every object of a page.
func (k kind) listed(a answer, each func(reading) error) (apiwire.ListHead, error) {
	var body bytes.Buffer
	n, err := io.Copy(&body, io.LimitReader(a, maxPage+1))
	if err == nil && n > maxPage {
		err = fmt.Errorf("a page of %s is longer than %d bytes", k.resource, maxPage)
	}
	if err != nil {
		return apiwire.ListHead{}, err
	}
	if !a.proto {
		return k.listedJSON(body.Bytes(), each)
	}
	message, err := apiwire.UnwrapAs(body.Bytes(), apiwire.Type{APIVersion: k.of.APIVersion, Kind: k.of.Kind + "List"})
	if err != nil {
		return apiwire.ListHead{}, err
	}
	return apiwire.List(message, func(item []byte) error {
		r, err := k.proto(item)
		if err != nil {
			return err
		}
		return each(r)
	})
}

func (k kind) listedJSON(body []byte, each func(reading) error) (apiwire.ListHead, error) {
	var list struct {
		Metadata metav1.ListMeta
		Items    []json.RawMessage
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return apiwire.ListHead{}, err
	}
	for _, item := range list.Items {
		r, err := k.json(item)
		if err == nil {
			err = each(r)
		}
		if err != nil {
			return apiwire.ListHead{}, err
		}
	}
	return apiwire.ListHead{ResourceVersion: list.Metadata.ResourceVersion, Continue: list.Metadata.Continue}, nil
}
