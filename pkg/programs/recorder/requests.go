package recorder

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/values/apis"
)

// Query chooses entries of the record.
type Query struct {
	Guest  string        // cluster id; empty: all
	Pod    string        // namespace/name; empty: all
	Since  time.Time     // zero: all
	Within time.Duration // how far back, in place of Since; 0: as that
	JSON   bool          // print the entries as they are
	Probes bool          // the kubelet's as well
	Brief  bool          // print a table of 120 columns: without guests, texts shortened
}

// longest is a line of the record: one of a log, every byte escaped, and its source. Only the first line of a segment, the positions,
// can be longer: it has as many as the guest has pods on the node, those that have ended included.
const longest = 8 * record.MaxLine

// Print writes the entries that the query chooses, guest by guest in the order in which they were recorded.
func Print(w io.Writer, root string, q Query) error {
	if q.Within > 0 {
		q.Since = time.Now().Add(-q.Within)
	}
	guests, err := guestFolders(root)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no record in %s; give the agent --record-dir, or name its folder with it", root)
	}
	if err != nil {
		return err
	}
	t := newTable(w)
	q.head(t)
	for _, guest := range guests {
		if q.Guest == "" || guest == folder(q.Guest) {
			if err := q.guest(t, filepath.Join(root, guest), &reading{}); err != nil {
				return err
			}
		}
	}
	return t.Flush()
}

// Unknown returns a line for a guest that has no record on this node: without it an empty table would look as if the guest had asked
// for nothing.
func Unknown(root, guest string) string {
	guests, err := guestFolders(root)
	if err != nil || guest == "" || slices.Contains(guests, folder(guest)) {
		return ""
	}
	return fmt.Sprintf("no record of guest %q on this node; there are records of: %s. Each agent has the record of its own node only: "+
		"ask the agent of the pod's node\n", guest, strings.Join(guests, ", "))
}

// reading is how far the segments of a record were printed.
type reading struct {
	pairing record.Pairing
	segment string // the newest that was read
	offset  int64  // of it: behind its last whole line
}

// guest prints what the record of a guest has behind what was printed of it before.
func (q Query) guest(w io.Writer, folder string, at *reading) error {
	segments, err := recordfile.Segments(folder)
	if err != nil {
		return err
	}
	known := slices.IndexFunc(segments, func(s record.Segment) bool { return s.Name == at.segment })
	for _, s := range segments[max(known, 0):] {
		if at.segment == "" && q.before(filepath.Join(folder, s.Name)) {
			continue
		}
		if s.Name != at.segment {
			at.segment, at.offset = s.Name, 0
		}
		if err := q.read(w, filepath.Join(folder, s.Name), at); err != nil && !errors.Is(err, fs.ErrNotExist) { // just removed
			return err
		}
	}
	return nil
}

// earlier is how long before its end the beginning of a request is looked for.
const earlier = 15 * time.Minute

// before reports whether a segment was last written to so long ago that nothing in it is printed.
func (q Query) before(segment string) bool {
	info, err := os.Stat(segment)
	return err == nil && !q.Since.IsZero() && info.ModTime().Before(q.Since.Add(-earlier))
}

func (q Query) read(w io.Writer, path string, at *reading) error {
	file, err := os.Open(path) //nolint:gosec // a segment in the record's folder
	if err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(at.offset, io.SeekStart); err != nil {
		return fmt.Errorf("read the record: %w", err)
	}
	lines := bufio.NewReaderSize(file, longest)
	for {
		line, err := lines.ReadSlice('\n')
		length := len(line)
		for errors.Is(err, bufio.ErrBufferFull) { // positions: its rest is passed over
			line = nil
			var more []byte
			more, err = lines.ReadSlice('\n')
			length += len(more)
		}
		if errors.Is(err, io.EOF) { // a line without an end is being written
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the record: %w", err)
		}
		at.offset += int64(length)
		q.line(w, line, &at.pairing)
	}
}

// line prints one line of the record. What is not an entry is passed over.
func (q Query) line(w io.Writer, line []byte, pairing *record.Pairing) {
	var e record.Entry
	if json.Unmarshal(line, &e) != nil {
		return
	}
	whole := pairing.Whole(e) // whether it is chosen or not: a later line needs it
	switch {
	case !q.chooses(e):
	case q.JSON:
		if whole.Text != e.Text || !bytes.Equal(whole.Log, e.Log) {
			line, _ = whole.Encode()
		}
		fmt.Fprintf(w, "%s\n", escaped(bytes.TrimSpace(line)))
	default:
		q.row(w, whole)
	}
}

// escaped returns JSON in ASCII: what a tenant chose reaches the terminal as no order, in C1 controls or otherwise.
func escaped(line []byte) []byte {
	if !bytes.ContainsFunc(line, func(c rune) bool { return c >= 0x7f }) {
		return line
	}
	var text []byte
	for _, unit := range utf16.Encode([]rune(string(line))) { // beyond ASCII, JSON has characters in strings only
		if unit < 0x7f {
			text = append(text, byte(unit))
		} else {
			text = fmt.Appendf(text, `\u%04x`, unit)
		}
	}
	return text
}

func (q Query) chooses(e record.Entry) bool {
	if len(e.Positions) > 0 || e.Probe && !q.Probes || q.Pod != "" && q.Pod != about(e) {
		return false
	}
	at, err := time.Parse(time.RFC3339Nano, e.Time)
	return q.Since.IsZero() || err != nil || !at.Before(q.Since)
}

// widest bounds a cell; what a tenant chose is shown in ASCII, so that nothing in it reaches the terminal as an order.
const widest = 72

// row prints one entry as a line of the table, with the fields that people need. JSON output has the whole entry.
func (q Query) row(w io.Writer, e record.Entry) {
	l, what := record.ParseLogged(e), e.Text
	if _, rest, asked := record.Question(e.Text); asked && e.Source.Container == apis.ResolverContainerName {
		l.Event, what = "name", rest
		if before, name, found := strings.Cut(rest, " name="); found {
			what = "name=" + name + " " + before
		}
	}
	switch {
	case e.Gap != nil:
		l.Event, what = "gap", fmt.Sprintf("%s, %d bytes", e.Gap.Reason, e.Gap.Bytes)
	case e.Ended:
		l.Event = "ended"
	case l.Reason != "":
		what = l.Destination + " " + l.Side + ": " + l.Reason
	case l.Method != "":
		what = l.Asked()
	case l.Text != "":
		_, what, _ = strings.Cut(l.Text, "] ")
		what = cmp.Or(what, l.Text)
	case e.Log != nil:
		what = l.Kind + " " + l.Destination + " " + l.SNI
	}
	if e.Probe {
		what = "probe: " + what
	}
	answer, _ := record.ParseAnswer(e)
	if q.Brief {
		brief(w, e, l, what, answer.Own())
		return
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", ascii(e.Time), ascii(e.Source.Guest), ascii(about(e)),
		ascii(l.Direction), ascii(cmp.Or(l.Event, "text")), ascii(what), l.Code,
		ascii(cmp.Or(answer.Own(), "-")))
}

// about names the pod that an entry is about: the one whose proxy logged it, or the one that asked the resolver.
func about(e record.Entry) string {
	if pod, _, asked := record.Question(e.Text); asked && e.Source.Container == apis.ResolverContainerName {
		return pod
	}
	return e.Source.Namespace + "/" + e.Source.Pod
}

func ascii(text string) string {
	quoted := strconv.QuoteToASCII(text)
	quoted = quoted[1 : len(quoted)-1]
	if len(quoted) > widest {
		return quoted[:widest] + "..."
	}
	return quoted
}
