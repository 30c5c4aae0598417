package record

import (
	"bytes"
	"encoding/json"
)

// Source is a container whose log is followed.
type Source struct {
	Guest     string `json:"guest"` // cluster id
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	UID       string `json:"uid"`
	Container string `json:"container"`
}

// Position is how far a log file is in the record: behind the last byte that was copied or skipped.
type Position struct {
	File   string `json:"file"`  // the container's restart count, as the kubelet names the file
	Inode  uint64 `json:"inode"` // of the file
	Offset int64  `json:"offset"`
}

// Gap is a part of a log that is not in the record.
type Gap struct {
	Reason string `json:"reason"`
	Bytes  int64  `json:"bytes,omitempty"` // 0: not known
}

// Reasons of gaps.
const (
	ReasonRate      = "RateExceeded"  // the container wrote faster than may be copied, for too long
	ReasonGone      = "LogRemoved"    // the file was removed or rotated away while no agent followed it
	ReasonTruncated = "LogTruncated"  // the file is shorter than what had been copied of it
	ReasonFull      = "RecordFull"    // the oldest segments of the guest's record were removed
	ReasonUnread    = "LogUnreadable" // reading the file failed
)

// Entry is one line of a guest's record. Exactly one of Log, Text, Gap, Ended and Positions is set.
type Entry struct {
	Time     string   `json:"time,omitempty"` // of the log line, by the container runtime
	Source   Source   `json:"source,omitzero"`
	Position Position `json:"position,omitzero"`
	Stream   string   `json:"stream,omitempty"`

	Log  json.RawMessage `json:"log,omitempty"`  // a line that is a JSON object, as it was written
	Text string          `json:"text,omitempty"` // any other line
	Cut  int64           `json:"cut,omitempty"`  // bytes of the line that are not in Text, since it was too long
	Gap  *Gap            `json:"gap,omitempty"`
	// Ended is the last entry of a source: its log folder is gone, and all that could be read of it is in the record.
	Ended bool `json:"ended,omitempty"`
	// Probe marks a line of a kubelet's probe.
	Probe bool `json:"probe,omitempty"`

	// Positions begins a segment: how far each log was copied by then.
	Positions []Followed `json:"positions,omitempty"`
}

// Followed is a source and how far its log files were copied.
type Followed struct {
	Source   Source   `json:"source"`
	Position Position `json:"position"`
}

// MaxLine bounds what of one log line is recorded, in bytes. A line of the proxy is always shorter, independent of the tenant's request.
const MaxLine = 64 << 10

// Line makes an entry of what a container wrote in one line; cut is how many bytes of it are missing at its end.
func Line(s Source, at Position, p Piece, cut int64) Entry {
	e := Entry{Time: p.Time, Source: s, Position: at, Stream: p.Stream, Cut: cut}
	if content := bytes.TrimSpace(p.Content); cut == 0 && len(content) > 0 && content[0] == '{' && json.Valid(content) {
		e.Log = json.RawMessage(content)
		return e
	}
	e.Text = string(p.Content)
	return e
}

// Encode returns the entry as one line with its newline.
func (e Entry) Encode() ([]byte, error) {
	line, err := json.Marshal(e)
	return append(line, '\n'), err
}

// Chatter reports whether a line of the proxy's own log has nothing that the record needs: steps of its start, or, from a proxy of an
// earlier release, of each connection. What is copied of that is what began, who connected, and where to,
// and to which address the explicit proxy resolved a name.
func Chatter(e Entry) bool {
	if bytes.HasPrefix(e.Log, []byte(`{"event":"forward_proxy","level":"debug"`)) {
		return !bytes.Contains(e.Log, []byte("' address has changed from "))
	}
	if bytes.HasPrefix(e.Log, []byte(`{"event":"config","level":"debug"`)) {
		return !bytes.HasPrefix(e.Log, []byte(`{"event":"config","level":"debug","text":"`+valueText))
	}
	if !bytes.HasPrefix(e.Log, []byte(`{"event":"conn`)) {
		return false
	}
	return !bytes.Contains(e.Log, []byte("] new connection from ")) && !bytes.Contains(e.Log, []byte("] connecting to "))
}
