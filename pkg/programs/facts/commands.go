package facts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
)

// Verification is what "agent record verify" found.
type Verification struct {
	Origin  string          `json:"origin"`
	Covered int64           `json:"covered"` // lines that the newest checkpoint covers
	Read    int64           `json:"read"`    // lines that are on the disk
	Parts   int             `json:"parts"`   // of the record of requests that are as they were recorded
	Flaws   []translog.Flaw `json:"flaws"`

	Guest  string         `json:"guest,omitempty"`  // whose log it is; empty: the node's
	Guests []Verification `json:"guests,omitempty"` // of the logs of guests' requests, whose flaws are among those above
}

// Verify audits the log in a folder. keys are the public keys that its checkpoint may be signed with; none: those in the folder. against
// are files with checkpoints, or proofs, of this log that were kept elsewhere. record is the folder of the record of requests, which is
// compared as well; empty: it is not.
func Verify(folder string, keys, against []string, record string) (Verification, error) {
	var kept [][]byte
	for _, file := range against {
		text, err := os.ReadFile(file) //nolint:gosec // the caller names it
		if err != nil {
			return Verification{}, fmt.Errorf("read a checkpoint to compare with: %w", err)
		}
		if p, err := translog.ParseProof(text); err == nil {
			text = p.Checkpoint
		}
		kept = append(kept, text)
	}
	f, err := logIn(folder)
	if err != nil {
		return Verification{}, err
	}
	a, c, err := f.Audit(keys, kept...)
	v := Verification{Origin: c.Origin, Covered: c.N, Read: a.Lines, Flaws: a.Flaws}
	if err == nil {
		v.Guests, err = guestFlaws(folder)
	}
	for _, g := range v.Guests {
		for _, f := range g.Flaws {
			f.Message = "the log of guest " + g.Guest + ": " + f.Message
			v.Flaws = append(v.Flaws, f)
		}
	}
	if err != nil || record == "" {
		return v, err
	}
	more, checked, err := requestFlaws(folder, record)
	v.Flaws, v.Parts = append(v.Flaws, more...), checked
	return v, err
}

// Print writes a verification for people, or as JSON.
func (v Verification) Print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	for _, f := range v.Flaws {
		at := "the log"
		if f.Index >= 0 {
			at = fmt.Sprintf("line %d", f.Index)
		}
		fmt.Fprintf(w, "%s: %s: %s\n", f.Reason, at, f.Message)
	}
	for _, g := range v.Guests {
		if err := g.verdict(w); err != nil {
			return err
		}
	}
	return v.verdict(w)
}

// verdict writes one line.
func (v Verification) verdict(w io.Writer) error {
	verdict := "intact"
	if len(v.Flaws) > 0 {
		verdict = "NOT intact"
	}
	parts := fmt.Sprintf("%d parts of the record of requests as recorded", v.Parts)
	if v.Guest != "" {
		parts = fmt.Sprintf("%d states of it in the node's log", v.Parts)
	}
	_, err := fmt.Fprintf(w, "%s: %s, %d lines read, %d lines signed, %s\n", v.Origin, verdict, v.Read, v.Covered, parts)
	return err
}

// Prove writes the proof that the line of an index is in the log.
func Prove(w io.Writer, folder string, index int64) error {
	f, err := logIn(folder)
	if err != nil {
		return err
	}
	p, err := f.Prove(index)
	if err != nil {
		return err
	}
	_, err = w.Write(p.Text())
	return err
}

// CheckFile is Check with a file.
func CheckFile(w io.Writer, file string, keys, witnesses []string) error {
	proof, err := os.Open(file) //nolint:gosec // the caller names it
	if err != nil {
		return fmt.Errorf("read the proof: %w", err)
	}
	defer proof.Close()
	return Check(w, proof, keys, witnesses)
}

// Check reads a proof, and writes the line that it proves. It needs nothing but the proof and the log's public key. Of the keys of witnesses,
// if some are given, each must have cosigned.
func Check(w io.Writer, proof io.Reader, keys, witnesses []string) error {
	if len(keys) == 0 {
		return errors.New("--key is missing; give the log's public key, as \"agent record keys\" printed it on its node")
	}
	text, err := io.ReadAll(io.LimitReader(proof, maxProof))
	if err != nil {
		return fmt.Errorf("read the proof: %w", err)
	}
	p, err := translog.ParseProof(text)
	if err != nil {
		return err
	}
	known, err := factlog.Verifiers(keys)
	if err != nil {
		return err
	}
	c, _, err := p.Check(known)
	if err != nil {
		return err
	}
	for _, key := range witnesses {
		at, err := translog.Cosigned(p.Checkpoint, key)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "cosigned at %s\n", at.UTC().Format("2006-01-02T15:04:05Z"))
	}
	_, err = fmt.Fprintf(w, "proven: line %d of %d of %s\n%s\n", p.Index, c.N, c.Origin, p.Line)
	return err
}

const maxProof = 1 << 20

// Keys writes the public keys of the log, oldest first.
func Keys(w io.Writer, folder string) error {
	f, err := logIn(folder)
	if err != nil {
		return err
	}
	keys, err := f.Keys()
	if err != nil {
		return fmt.Errorf("read the log's public keys: %w", err)
	}
	for _, key := range keys {
		fmt.Fprintln(w, key)
	}
	return nil
}

// Export copies the log for those who verify it elsewhere.
func Export(folder, to string) error {
	if to == "" {
		return errors.New("--to is missing; name a folder that is not there yet")
	}
	f, err := logIn(folder)
	if err != nil {
		return err
	}
	return f.Export(to)
}

// logIn returns the log in a folder.
func logIn(folder string) (factlog.Folder, error) {
	if _, err := os.Stat(folder); err != nil {
		return "", fmt.Errorf("no log of facts: %w; name its folder by --facts-dir, on a node the one that its agent has", err)
	}
	return factlog.Folder(folder), nil
}
