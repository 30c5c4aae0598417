package facts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/values/fact"
)

// Details of the fact that a part of the record of requests was written.
const detailFolder, detailSegment, detailFrom, detailTo, detailSum = "folder", "segment", "from", "to", "sha256"

// Recorded records the hash of a part of the record of requests: from then on that part cannot be changed without being found.
func (e *Emitter) Recorded(folder string, d recordfile.Digest) {
	e.Emit(fact.Fact{
		Kind: fact.RequestsRecorded, Count: d.Lines, Subject: fact.Subject{Guest: folder}, Reason: d.Segment, // a rate of its own for each segment
		Message: "lines of the record of requests", Details: map[string]string{
			detailFolder: folder, detailSegment: d.Segment, detailFrom: strconv.FormatInt(d.From, 10), detailTo: strconv.FormatInt(d.To, 10), detailSum: d.SHA256,
		},
	})
}

// requestFlaws compares the record of requests in a folder with the hashes that are in the log. Segments that are not there were removed: the
// record has a gap for them. checked is how many parts are as they were recorded.
func requestFlaws(log, record string) (flaws []translog.Flaw, checked int, err error) {
	err = factlog.Folder(log).Lines(0, func(index int64, line []byte) error {
		f, err := fact.Decode(line)
		if err != nil || f.Kind != fact.RequestsRecorded {
			return nil //nolint:nilerr // the audit reports it
		}
		problem, err := compare(record, f.Fact)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("compare the record of requests: %w", err)
		case problem != "":
			flaws = append(flaws, translog.Flaw{Reason: translog.Altered, Index: index, Message: problem})
		default:
			checked++
		}
		return nil
	})
	return flaws, checked, err
}

// compare returns what is wrong with the part of the record that a fact is about.
func compare(record string, f fact.Fact) (string, error) {
	folder, segment := f.Details[detailFolder], f.Details[detailSegment]
	from, fromErr := strconv.ParseInt(f.Details[detailFrom], 10, 64)
	to, toErr := strconv.ParseInt(f.Details[detailTo], 10, 64)
	if fromErr != nil || toErr != nil || from < 0 || to < from || !isName(folder) || !isName(segment) {
		return "the fact names no part of a segment", nil
	}
	file, err := os.Open(filepath.Join(record, folder, segment)) //nolint:gosec // one name in a folder in the record's
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(file, from, to-from))
	if err != nil {
		return "", err
	}
	if n != to-from || hex.EncodeToString(sum.Sum(nil)) != f.Details[detailSum] {
		return fmt.Sprintf("bytes %d to %d of %s/%s, %d lines of the record of requests, are not what was recorded", from, to, folder, segment, f.Count), nil
	}
	return "", nil
}

// isName reports whether a text is the name of a file, and no way to another folder.
func isName(text string) bool {
	return filepath.Base(text) == text && filepath.IsLocal(text) && text != "."
}
