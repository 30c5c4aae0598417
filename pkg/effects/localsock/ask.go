package localsock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Why a question has no answer.
var (
	ErrNobody    = errors.New("nobody answers there")
	ErrNotServed = errors.New("it does not answer such questions") // HTTP status 404
)

// patience bounds a question and its answer.
const patience = time.Minute

// maxComplaint bounds what is passed on of an error's text.
const maxComplaint = 4096

// Ask sends an HTTP request without a body to root's socket at path, and decodes the JSON that is answered.
func Ask(ctx context.Context, socket, method, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return exchange(ctx, socket, method, path, func(answer io.Reader) error { return json.NewDecoder(answer).Decode(into) })
}

// Stream sends a GET request to root's socket at path and writes the answer while it arrives, until it or the context ends.
func Stream(ctx context.Context, socket, path string, w io.Writer) error {
	return exchange(ctx, socket, http.MethodGet, path, func(answer io.Reader) error {
		_, err := io.Copy(w, answer)
		return err
	})
}

// exchange sends one request to a local socket, and calls read with the answer. errors.Is ErrNobody if no program listens at the socket, ErrNotServed if
// the program does not serve the path; another error has the program's complaint.
func exchange(ctx context.Context, socket, method, path string, read func(answer io.Reader) error) error {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return Dial(ctx, socket) },
	}}
	request, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", socket, err)
	}
	answer, err := client.Do(request)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		err = fmt.Errorf("%w: %w", ErrNobody, err)
	}
	if err != nil {
		return fmt.Errorf("ask %s: %w", socket, err)
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return fmt.Errorf("ask %s: %w", socket, ErrNotServed)
	default:
		text, _ := io.ReadAll(io.LimitReader(answer.Body, maxComplaint)) // what arrived of it will do
		return fmt.Errorf("ask %s: %s: %s", socket, answer.Status, strings.TrimSpace(string(text)))
	}
	if err := read(answer.Body); err != nil {
		return fmt.Errorf("ask %s: the answer: %w", socket, err)
	}
	return nil
}
