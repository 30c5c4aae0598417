package facts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

// Witness is a witness that is asked to cosign.
type Witness struct {
	key translog.Witness
	url string

	cosigned int64  // size of the log that it cosigned last, as far as is known
	state    string // what was last reported of it

	last time.Time // that it cosigned, or was first asked
	away bool      // it was reported to be away
}

// ParseWitness reads a witness in the form "KEY URL".
func ParseWitness(text string) (*Witness, error) {
	key, address, _ := strings.Cut(strings.TrimSpace(text), " ")
	w, err := translog.ParseWitness(key)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not the URL of a witness; give KEY and URL, such as \"KEY https://witness.example\"", address)
	}
	return &Witness{key: w, url: strings.TrimSuffix(u.String(), "/")}, nil
}

const (
	witnessEvery   = 30 * time.Second
	witnessTimeout = 10 * time.Second
	witnessAway    = time.Hour // after which one that does not cosign is a fact
	maxAnswer      = 4096      // bytes of a witness' answer
)

// errRefused means that the log that a witness knows is not a part of this one.
var errRefused = errors.New("the witness does not cosign: the log that it knows is not a part of this one, which was rewritten or restored from an older copy")

// attest asks the witnesses to cosign, each half minute, until the context ends.
func (e *Emitter) attest(ctx context.Context) {
	if len(e.Witnesses) == 0 {
		return
	}
	tick := time.NewTicker(witnessEvery)
	defer tick.Stop()
	for {
		e.Ask(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Ask asks each witness to cosign the newest checkpoint, and keeps the checkpoint with the cosignatures.
func (e *Emitter) Ask(ctx context.Context) {
	f := factlog.Folder(e.Folder)
	signed, err := f.Checkpoint()
	if errors.Is(err, fs.ErrNotExist) {
		return // the log has not begun
	}
	c, parseErr := factlog.Unverified(signed)
	if err = errors.Join(err, parseErr); err != nil {
		e.Log.Error("no checkpoint to be cosigned", "error", err)
		return
	}
	cosignatures, cosigners := "", []string{}
	for _, w := range e.Witnesses {
		lines, err := w.ask(ctx, f, signed, c)
		if lines != "" {
			cosignatures += lines
			cosigners = append(cosigners, w.key.String())
		}
		e.reportWitness(w, c, err)
	}
	for _, witness := range cosigners {
		if err := f.KeepCosigned(witness, append(bytes.Clone(signed), cosignatures...)); err != nil {
			e.Log.Error("a cosigned checkpoint is not kept", "error", err)
		}
	}
}

// ask submits the checkpoint, with the proof that the log continues what the witness knows. It returns the witness' signatures.
func (w *Witness) ask(ctx context.Context, f factlog.Folder, signed []byte, c translog.Checkpoint) (string, error) {
	for range 3 { // the witness may know more than is remembered here
		s, err := w.submission(f, signed, c)
		if err != nil {
			return "", err
		}
		status, answer, err := w.post(ctx, s.Text())
		if err != nil {
			return "", err
		}
		switch status {
		case http.StatusOK:
			w.cosigned = c.N
			return w.verified(signed, answer)
		case translog.StatusConflict:
			var known int64
			if _, err := fmt.Sscan(answer, &known); err != nil || known < 0 {
				return "", fmt.Errorf("the witness answers with a size that is not a number: %q", fact.Printable(answer, fact.MaxName))
			}
			if known > c.N || known == w.cosigned {
				w.cosigned = known
				return "", fmt.Errorf("%w: it knows %d lines, this log has %d", errRefused, known, c.N)
			}
			w.cosigned = known
		case translog.StatusUnproven:
			return "", fmt.Errorf("%w: %s", errRefused, fact.Printable(strings.TrimSpace(answer), fact.MaxName))
		default:
			return "", fmt.Errorf("the witness answers with status %d: %s", status, fact.Printable(strings.TrimSpace(answer), fact.MaxName))
		}
	}
	return "", errors.New("the witness names another size each time")
}

// submission is what the witness is sent, by what is remembered of it.
func (w *Witness) submission(f factlog.Folder, signed []byte, c translog.Checkpoint) (s translog.Submission, err error) {
	s.Checkpoint = signed
	if w.cosigned > c.N {
		return s, nil // it names its size again
	}
	s.Old = w.cosigned
	if s.Old > 0 && s.Old < c.N {
		if s.Proof, err = tlog.ProveTree(c.N, s.Old, translog.Entries(f.Entries)); err != nil {
			return s, fmt.Errorf("prove that the log continues its first %d lines: %w", s.Old, err)
		}
	}
	return s, nil
}

func (w *Witness) post(ctx context.Context, body []byte) (status int, answer string, err error) {
	ctx, cancel := context.WithTimeout(ctx, witnessTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return 0, "", fmt.Errorf("ask the witness: %w", err)
	}
	// The other party runs the witness, and the agent is on the node's network: a redirect is an answer, and is not followed.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(r)
	if err != nil {
		return 0, "", fmt.Errorf("ask the witness: %w", err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(io.LimitReader(got.Body, maxAnswer))
	if err != nil {
		return 0, "", fmt.Errorf("read the witness' answer: %w", err)
	}
	return got.StatusCode, string(text), nil
}

// verified returns those lines of an answer that are the witness' signatures on the checkpoint.
func (w *Witness) verified(signed []byte, answer string) (string, error) {
	var lines strings.Builder
	for line := range strings.Lines(answer) {
		if n, err := note.Open(append(bytes.Clone(signed), line...), note.VerifierList(w.key)); err == nil && len(n.Sigs) == 1 {
			lines.WriteString(line)
		}
	}
	if lines.Len() == 0 {
		return "", errors.New("the witness' answer has no signature of its key on the checkpoint")
	}
	return lines.String(), nil
}

// witnesses returns what is known of each witness, in the order in which they were given.
func (e *Emitter) witnesses() []agentapi.Witnessed {
	var all []agentapi.Witnessed
	for _, w := range e.Witnesses {
		known, _ := e.witnessed.Load(w.key.Name())
		s, _ := known.(agentapi.Witnessed)
		s.Name = w.key.Name()
		all = append(all, s)
	}
	return all
}

// reportWitness reports what has changed of a witness.
func (e *Emitter) reportWitness(w *Witness, c translog.Checkpoint, err error) {
	state := ""
	if err != nil {
		state = err.Error()
	}
	name := w.key.Name()
	e.metrics.witness(name, c.N, w.cosigned, err)
	e.witnessed.Store(name, agentapi.Witnessed{Name: name, Lines: w.cosigned, Asked: time.Now(), Refused: errors.Is(err, errRefused), Problem: state})
	e.reportAway(w, time.Now(), err)
	if errors.Is(err, errRefused) {
		state = errRefused.Error() // without the size of the log, which each report of it makes grow
	}
	if state == w.state {
		return
	}
	w.state = state
	switch {
	case errors.Is(err, errRefused):
		e.Log.Error("a witness refuses the log of facts", "witness", name, "error", err)
		e.Emit(fact.Fact{Kind: fact.WitnessRefused, Warning: true, Reason: name, Message: err.Error()})
		e.eventOnNode(fact.WitnessRefused, fmt.Sprintf("witness %s refuses the node's log of facts, which was rewritten or restored from an older copy; compare it with what the witness keeps", name))
	case err != nil:
		e.Log.Warn("a witness does not cosign the log of facts now", "witness", name, "error", err)
	default:
		e.Log.Info("a witness cosigns the log of facts", "witness", name, "lines", c.N)
	}
}

// reportAway reports that a witness has cosigned nothing for an hour, and that it cosigns again.
func (e *Emitter) reportAway(w *Witness, now time.Time, err error) {
	name := w.key.Name()
	switch {
	case w.last.IsZero():
		w.last = now
	case err == nil && w.away:
		w.away = false
		e.Emit(fact.Fact{Kind: fact.WitnessBack, Reason: name, Message: fmt.Sprintf("the witness cosigns again, after %s", now.Sub(w.last).Round(time.Second))})
	case err != nil && !w.away && now.Sub(w.last) >= witnessAway:
		w.away = true
		e.Log.Error("a witness has cosigned nothing for long", "witness", name, "since", w.last, "error", err)
		e.Emit(fact.Fact{Kind: fact.WitnessAway, Warning: true, Reason: name, Message: fmt.Sprintf("the witness has cosigned nothing since %s: %v", w.last.UTC().Format(time.RFC3339), err)})
		e.eventOnNode(fact.WitnessAway, fmt.Sprintf("witness %s has cosigned nothing for an hour: whether the node's log of facts is rewritten is not found meanwhile", name))
	}
	if err == nil {
		w.last = now
	}
}
