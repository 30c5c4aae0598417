package localsock

import (
	"net/http"
	"time"
)

// Answer returns a handler that serves a request with what answer writes, for as long as that takes. An error before the first byte is answered
// with status 400. An error after it cuts the connection: the reader gets an error, and does not take a part of the answer for the whole.
func Answer(answer func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection := http.NewResponseController(w)
		_ = connection.SetWriteDeadline(time.Time{}) // an answer whose deadline cannot be lifted ends after a minute
		b := &begun{ResponseWriter: w}
		err := answer(b, r)
		switch {
		case err == nil:
		case b.wrote:
			_ = connection.Flush() // the reader gets what there is
			if conn, _, err := connection.Hijack(); err == nil {
				_ = conn.Close()
			}
		default:
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
}

// begun records whether anything was written.
type begun struct {
	http.ResponseWriter
	wrote bool
}

// Write implements io.Writer.
func (b *begun) Write(p []byte) (int, error) {
	b.wrote = true
	return b.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }
