package facts

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/mod/sumdb/tlog"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

// guestFlaws audits the logs of guests beside the log of the node in a folder, and compares each with what the node's log has of it.
func guestFlaws(folder string) ([]Verification, error) {
	states, err := guestStates(folder)
	if err != nil {
		return nil, err
	}
	guests, err := guestFolders(folder)
	if err != nil {
		return nil, err
	}
	var all []Verification
	for _, guest := range guests {
		v, err := guestAudit(folder, guest, states[guest])
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		delete(states, guest)
	}
	for guest, kept := range states {
		all = append(all, Verification{Guest: guest, Origin: kept[0].Origin, Flaws: []translog.Flaw{{
			Reason: translog.Removed, Index: -1, Message: "the log of the guest's requests is missing; the node's log has states of it"}}})
	}
	return all, nil
}

// guestFolders lists the guests that have a log beside the one in a folder.
func guestFolders(folder string) ([]string, error) {
	listed, err := os.ReadDir(guestFolder(folder, ""))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the logs of guests: %w", err)
	}
	var all []string
	for _, entry := range listed {
		if entry.IsDir() && !factlog.IsAside(entry.Name()) {
			all = append(all, entry.Name())
		}
	}
	return all, nil
}

// guestStates returns what the log of a node has of the logs of guests, oldest first.
func guestStates(folder string) (map[string][]translog.Checkpoint, error) {
	states := map[string][]translog.Checkpoint{}
	err := factlog.Folder(folder).Lines(0, func(_ int64, line []byte) error {
		f, err := fact.Decode(line)
		if err != nil || f.Kind != fact.RequestsSigned || !isName(f.Details[detailFolder]) {
			return nil //nolint:nilerr // the audit reports it
		}
		raw, err := base64.StdEncoding.DecodeString(f.Details["hash"])
		if err != nil || len(raw) != tlog.HashSize {
			return nil //nolint:nilerr // as above
		}
		guest := f.Details[detailFolder]
		states[guest] = append(states[guest], translog.Checkpoint{Origin: f.Details["origin"], Tree: tlog.Tree{N: f.Count, Hash: tlog.Hash(raw)}})
		return nil
	})
	return states, err
}

// guestAudit audits the log of a guest. The newest state must be one of this log: that another one began in its place is a fact of the node's log as
// soon as that has a state of it.
func guestAudit(folder, guest string, states []translog.Checkpoint) (Verification, error) {
	f := factlog.Folder(guestFolder(folder, guest))
	a, c, err := f.Audit(nil)
	v := Verification{Guest: guest, Origin: c.Origin, Covered: c.N}
	if err != nil {
		return v, fmt.Errorf("verify the log of guest %s: %w", guest, err)
	}
	oldest, err := f.Comparable(c.N)
	if err != nil {
		return v, err
	}
	for _, state := range states {
		if state.Origin == c.Origin && state.N >= oldest {
			a.Against(state)
			v.Parts++
		}
	}
	if n := len(states); n > 0 && states[n-1].Origin != c.Origin {
		a.Flaws = append(a.Flaws, translog.Flaw{Reason: translog.Rewritten, Index: -1,
			Message: fmt.Sprintf("the node's log has the state of another log, %s", states[n-1].Origin)})
	}
	v.Read, v.Flaws = a.Lines, a.Flaws
	return v, nil
}
