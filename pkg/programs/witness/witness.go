package witness

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/witnessfile"
)

// Witness answers logs (https://c2sp.org/tlog-witness).
type Witness struct {
	name   string
	folder *witnessfile.Folder
	log    *slog.Logger

	mu   sync.Mutex // what is known is compared and replaced at once
	keys map[string][]note.Verifier
}

// New returns a witness of that name. keys are the public keys of the logs that it knows, in the form NAME+HASH+KEY; an empty one, or one that
// begins with "#", is passed over.
func New(name string, keys []string, folder *witnessfile.Folder, logger *slog.Logger) (*Witness, error) {
	if name == "" || strings.ContainsAny(name, "+ \t\n") {
		return nil, fmt.Errorf("--name=%q: a witness' name is a text without spaces and plus signs; give one such as pharma.example/witness", name)
	}
	w := &Witness{name: name, folder: folder, log: logger, keys: map[string][]note.Verifier{}}
	for _, key := range keys {
		if key = strings.TrimSpace(key); key == "" || strings.HasPrefix(key, "#") {
			continue
		}
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("the key of a log %q: %w; \"agent record keys\" prints it on the log's node", key, err)
		}
		same := func(other note.Verifier) bool { return other.KeyHash() == v.KeyHash() }
		if !slices.ContainsFunc(w.keys[v.Name()], same) { // package note verifies nothing with a key that it has twice
			w.keys[v.Name()] = append(w.keys[v.Name()], v)
		}
	}
	return w, nil
}

// Key returns the witness' public key, which those who check proofs need.
func (w *Witness) Key() string { return w.public().String() }

func (w *Witness) public() translog.Witness {
	key, _ := w.folder.Key.Public().(ed25519.PublicKey)
	return translog.NewWitness(w.name, key)
}

// Handler answers POST /add-checkpoint, and GET /checkpoint?origin=ORIGIN with the checkpoint that was cosigned last.
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", w.add)
	mux.HandleFunc("GET /checkpoint", func(out http.ResponseWriter, r *http.Request) {
		signed, err := w.folder.Known(r.URL.Query().Get("origin"))
		if err != nil || signed == nil {
			http.Error(out, "no checkpoint of that origin was cosigned", http.StatusNotFound)
			return
		}
		out.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = out.Write(signed) //nolint:gosec // a signed note as plain text; the one who asked may have gone
	})
	return mux
}

// add answers a submission as C2SP tlog-witness wants: cosignatures, or a status that has the reason. With 409 the body is the size that the
// witness knows, from which the log proves again.
func (w *Witness) add(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, translog.MaxSubmission))
	if err != nil {
		http.Error(out, "the body is too long", http.StatusBadRequest)
		return
	}
	s, err := translog.ParseSubmission(body)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	signatures, err := w.Cosign(s, time.Now())
	var refusal *translog.RefusalError
	switch {
	case err == nil:
		out.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(out, signatures) // the log asks again
	case errors.As(err, &refusal) && refusal.Status == http.StatusConflict:
		out.Header().Set("Content-Type", "text/x.tlog.size")
		out.WriteHeader(http.StatusConflict)
		fmt.Fprintf(out, "%d\n", refusal.Known)
	case errors.As(err, &refusal):
		http.Error(out, refusal.Reason, refusal.Status)
	default:
		w.log.Error("a checkpoint is not cosigned", "error", err)
		http.Error(out, "the witness cannot keep the checkpoint now", http.StatusInternalServerError)
	}
}

// Cosign returns the lines of the witness' signatures on a checkpoint. The checkpoint is kept before.
func (w *Witness) Cosign(s translog.Submission, now time.Time) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, n, err := translog.Judge(s, w.keys, w.known)
	var refusal *translog.RefusalError
	if errors.As(err, &refusal) {
		w.report(c, s, refusal)
	}
	if err != nil {
		return "", err
	}
	cosigner := translog.Cosigner{Witness: w.public(), Key: w.folder.Key, At: now}
	signed, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs}, cosigner)
	if err != nil {
		return "", fmt.Errorf("cosign: %w", err)
	}
	if err := w.folder.Keep(c.Origin, signed); err != nil {
		return "", err
	}
	return signatures(signed, w.name), nil
}

// known returns the checkpoint that was cosigned last.
func (w *Witness) known(origin string) (translog.Checkpoint, error) {
	signed, err := w.folder.Known(origin)
	if err != nil || signed == nil {
		return translog.Checkpoint{}, err
	}
	c, _, err := translog.OpenCheckpoint(signed, note.VerifierList(w.public()))
	return c, err
}

// report logs a refusal. A log that contradicts itself is proven by both of its signatures, which are kept.
func (w *Witness) report(c translog.Checkpoint, s translog.Submission, r *translog.RefusalError) {
	if !r.Conflict {
		w.log.Debug("a checkpoint is not cosigned", "reason", r.Reason)
		return
	}
	kept, err := w.folder.Conflict(c.Origin, s.Checkpoint)
	if err != nil {
		w.log.Error("a checkpoint that contradicts its log is not kept", "origin", c.Origin, "error", err)
	}
	w.log.Error("a log was rewritten: its checkpoint contradicts the one that was cosigned before, and is not cosigned", "origin", c.Origin, "lines", c.N, "reason", r.Reason, "file", kept)
}

// signatures returns the signature lines of a name.
func signatures(signed []byte, name string) string {
	var all strings.Builder
	for line := range strings.Lines(string(signed)) {
		if strings.HasPrefix(line, "— "+name+" ") {
			all.WriteString(line)
		}
	}
	return all.String()
}
