package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"data-space.liqo.io/pkg/decisions/limits"
)

// maxHead is how many bytes of a request are read to learn whose it is.
const maxHead = 64 << 10

// head is what stands in an AdmissionReview before the object.
type head struct {
	uid, namespace, user string
}

// node returns the node whose kubelet asks, or "". The API server gives names of this form to kubelets only.
func (h head) node() string {
	name, _ := strings.CutPrefix(h.user, "system:node:")
	if name == h.user {
		return ""
	}
	return name
}

// readHead reads the beginning of an AdmissionReview up to the object, and returns a reader of the whole. It keeps at most
// maxHead bytes. What it returns decides about a request's turn only: a missing field is no error.
func readHead(body io.Reader, size int64) (head, io.Reader, error) {
	if size >= 0 && size <= maxHead {
		return readSmall(body, size)
	}
	read := &bytes.Buffer{}
	tokens := json.NewDecoder(io.TeeReader(io.LimitReader(body, maxHead), read))
	found, err := headOf(tokens)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the request has no object within its first %d bytes", maxHead)
	}
	return found, io.MultiReader(read, body), err
}

// readSmall does the same for a request that is no larger than its head may be, as nearly all are: it reads it at once.
func readSmall(body io.Reader, size int64) (head, io.Reader, error) {
	read := make([]byte, size)
	if _, err := io.ReadFull(body, read); err != nil {
		return head{}, nil, fmt.Errorf("reading the request: %w", err)
	}
	found, valid := head{}, true
	whole := limits.Members(read, func(name, request []byte) bool {
		if string(name) != "request" {
			return true
		}
		limits.Members(request, func(name, text []byte) bool {
			switch string(name) {
			case "uid":
				valid = valid && json.Unmarshal(text, &found.uid) == nil
			case "namespace":
				valid = valid && json.Unmarshal(text, &found.namespace) == nil
			case "userInfo":
				limits.Members(text, func(name, user []byte) bool {
					if string(name) == "username" {
						found.user = textOf(user)
					}
					return true
				})
			case "object", "oldObject", "options":
				return false // The API server writes these after the others.
			}
			return true
		})
		return true
	})
	if !whole || !valid {
		return head{}, nil, errors.New("the request is not an AdmissionReview")
	}
	return found, bytes.NewReader(read), nil
}

func headOf(tokens *json.Decoder) (head, error) {
	found := head{}
	err := eachMember(tokens, func(name string) (bool, error) {
		if name != "request" {
			return true, skipValue(tokens)
		}
		return false, eachMember(tokens, func(name string) (bool, error) {
			switch name {
			case "uid":
				return true, tokens.Decode(&found.uid)
			case "namespace":
				return true, tokens.Decode(&found.namespace)
			case "userInfo":
				user := struct{ Username string }{}
				_ = tokens.Decode(&user) // One that does not fit into the head is no kubelet's.
				found.user = user.Username
				return false, nil
			case "object", "oldObject", "options":
				return false, nil // The API server writes these after the others.
			}
			return true, skipValue(tokens)
		})
	})
	return found, err
}

// eachMember calls visit with the name of each member of an object; visit reads the value, and reports whether to go on.
func eachMember(tokens *json.Decoder, visit func(name string) (bool, error)) error {
	if opening, err := tokens.Token(); err != nil || opening != json.Delim('{') {
		return errors.Join(err, errors.New("the request is not an AdmissionReview"))
	}
	for tokens.More() {
		name, err := tokens.Token()
		if err != nil {
			return err
		}
		text, _ := name.(string)
		if more, err := visit(text); err != nil || !more {
			return err
		}
	}
	return nil
}

func skipValue(tokens *json.Decoder) error {
	var skipped json.RawMessage
	return tokens.Decode(&skipped)
}
