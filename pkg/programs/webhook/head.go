package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
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
func readHead(body io.Reader) (head, io.Reader, error) {
	read := &bytes.Buffer{}
	tokens := json.NewDecoder(io.TeeReader(io.LimitReader(body, maxHead), read))
	found, err := headOf(tokens)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the request has no object within its first %d bytes", maxHead)
	}
	return found, io.MultiReader(read, body), err
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
