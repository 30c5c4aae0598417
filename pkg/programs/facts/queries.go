package facts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

// serveQueries adds the answers that read the log.
func (e *Emitter) serveQueries(mux *http.ServeMux) {
	for path, answer := range map[string]func(w http.ResponseWriter, r *http.Request) error{
		agentapi.FactsPath: e.answerFacts, agentapi.VerifiedPath: e.answerVerified, agentapi.ProofsPath: e.answerProofs, agentapi.ContinuedPath: e.answerContinued,
	} {
		mux.Handle("GET "+path, localsock.Answer(answer))
	}
}

// logOf returns the log of the node, or the one of a guest's requests.
func (e *Emitter) logOf(guest string) (factlog.Folder, error) {
	if guest == "" {
		return factlog.Folder(e.Folder), nil
	}
	if !isName(guest) || factlog.IsAside(guest) {
		return "", fmt.Errorf("log=%q: not the name of a guest's log", fact.Printable(guest, fact.MaxName))
	}
	return logIn(guestFolder(e.Folder, guest))
}

// followEvery is the time between two looks for more lines.
const followEvery = 500 * time.Millisecond

// answerFacts writes lines of the log as they are.
func (e *Emitter) answerFacts(w http.ResponseWriter, r *http.Request) error {
	q, err := agentapi.ParseFactQuery(r.URL.Query())
	if err != nil {
		return err
	}
	f, err := e.logOf(q.Log)
	if err != nil {
		return err
	}
	next, err := f.From(q.Since)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	if next, err = writeFacts(r.Context(), w, f, next, q); err != nil || !q.Follow {
		return err
	}
	q.Last = 0
	ctx, cancel := context.WithTimeout(r.Context(), agentapi.LongestFollow)
	defer cancel()
	beat := time.NewTicker(agentapi.FollowBeat)
	defer beat.Stop()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for answer := http.NewResponseController(w); ; {
		if err := answer.Flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			fmt.Fprintln(w)
			continue
		case <-tick.C:
		}
		if q.Log == "" && next >= e.lines.Load() {
			continue // nothing came
		}
		if next, err = writeFacts(ctx, w, f, next, q); err != nil {
			return err
		}
	}
}

// writeFacts writes the lines from an index on that the query chooses, and returns the index behind the last one that it read.
func writeFacts(ctx context.Context, w io.Writer, f factlog.Folder, from int64, q agentapi.FactQuery) (next int64, err error) {
	next = from
	var kept [][]byte
	err = f.Lines(from, func(index int64, line []byte) error {
		next = index + 1
		r, err := fact.Decode(line)
		if err != nil || !q.Chooses(r.Fact) {
			return ctx.Err() // what is damaged is found by an audit
		}
		if q.Last == 0 {
			_, err = fmt.Fprintf(w, "%s\n", line)
			return err
		}
		if kept = append(kept, append([]byte(nil), line...)); len(kept) > q.Last {
			kept = kept[1:]
		}
		return ctx.Err()
	})
	if errors.Is(err, fs.ErrNotExist) {
		return next, nil // the log has not begun
	}
	for _, line := range kept {
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", line)
		}
	}
	return next, err
}

// answerVerified reads the log and the record of requests as a whole.
func (e *Emitter) answerVerified(w http.ResponseWriter, _ *http.Request) error {
	v, err := Verify(e.Folder, nil, nil, e.Requests)
	if err != nil {
		return err
	}
	return v.Print(w, true)
}

// maxProofs bounds the proofs of one answer.
const maxProofs = 1000

// answerProofs writes the proof of each line that is asked for, in that order. A line that cannot be proven has a problem in the proof's
// place: the others are answered.
func (e *Emitter) answerProofs(w http.ResponseWriter, r *http.Request) error {
	indices := r.URL.Query()["index"]
	if len(indices) > maxProofs {
		return fmt.Errorf("%d proofs are asked for; ask for at most %d", len(indices), maxProofs)
	}
	f, err := e.logOf(r.URL.Query().Get("log"))
	if err != nil {
		return err
	}
	out := json.NewEncoder(w)
	for _, text := range indices {
		index, err := strconv.ParseInt(text, 10, 64)
		if err != nil || index < 0 {
			return fmt.Errorf("index=%q: not the number of a line", text)
		}
		answer := agentapi.FactProof{Index: index}
		if p, err := f.Prove(index); err == nil {
			answer.Proof = string(p.Text())
		} else {
			answer.Problem = err.Error()
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

// answerContinued writes what a witness that knows so many lines would be sent.
func (e *Emitter) answerContinued(w http.ResponseWriter, r *http.Request) error {
	f := factlog.Folder(e.Folder)
	signed, err := f.Checkpoint()
	c, parseErr := factlog.Unverified(signed)
	old, numberErr := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	if err := errors.Join(err, parseErr, numberErr); err != nil {
		return err
	}
	s := translog.Submission{Old: min(old, c.N), Checkpoint: signed} // a log that became shorter is shown as it is
	if s.Old > 0 && s.Old < c.N {
		if s.Proof, err = tlog.ProveTree(c.N, s.Old, translog.Entries(f.Entries)); err != nil {
			return fmt.Errorf("prove that the log continues its first %d lines: %w", s.Old, err)
		}
	}
	_, err = w.Write(s.Text())
	return err
}
