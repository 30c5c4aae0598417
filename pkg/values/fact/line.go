package fact

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"time"
)

// wire is the JSON of a line, without its checksum.
type wire struct {
	Version int               `json:"v"`
	Index   int64             `json:"index"`
	Time    string            `json:"time"`
	Kind    string            `json:"kind"`
	Warning bool              `json:"warning,omitempty"`
	Subject Subject           `json:"subject,omitzero"`
	Reason  string            `json:"reason,omitempty"`
	Message string            `json:"message,omitempty"`
	Count   int64             `json:"count,omitempty"`
	Details map[string]string `json:"details,omitempty"`
	Request *Request          `json:"request,omitempty"`
	At      Place             `json:"at,omitzero"`
}

// LinePrefix begins the lines by which a program hands facts to the agent of its node, in its standard output.
const LinePrefix = "F "

// sum is how a line ends: the CRC-32C of all before it. It finds a write that was torn by the end of the node; it does not protect
// against changes made on purpose.
const sum, sumLength = `,"crc":"`, len(`,"crc":"00000000"}`)

// Encode returns the fact as one line without its newline: printable text of at most MaxLine bytes.
func Encode(index int64, f Fact) ([]byte, error) {
	w := wire{
		Version: Version, Index: index, Time: f.Time.UTC().Format(time.RFC3339Nano), Kind: Printable(string(f.Kind), MaxName), Warning: f.Warning,
		Subject: Subject{
			Guest: Printable(f.Subject.Guest, MaxName), Namespace: Printable(f.Subject.Namespace, MaxName),
			Pod: Printable(f.Subject.Pod, MaxName), UID: Printable(f.Subject.UID, MaxName),
		},
		Reason: Printable(f.Reason, MaxName), Message: Printable(f.Message, MaxMessage), Count: f.Count, Request: f.Request.printable(), At: f.At,
	}
	for _, key := range slices.Sorted(maps.Keys(f.Details)) {
		if len(w.Details) == MaxDetails {
			break
		}
		if w.Details == nil {
			w.Details = map[string]string{}
		}
		w.Details[Printable(key, MaxName)] = Printable(f.Details[key], MaxMessage)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(w); err != nil {
		return nil, fmt.Errorf("encode a fact of kind %q: %w", w.Kind, err)
	}
	line := bytes.TrimSuffix(b.Bytes(), []byte("}\n"))
	return fmt.Appendf(line, `%s%08x"}`, sum, crc32.Checksum(line, crc32.MakeTable(crc32.Castagnoli))), nil
}

// Why a line is not a fact's.
var (
	errChecksum = errors.New("the line's checksum does not match its text")
	errForm     = errors.New("the line is not a fact of a known version")
)

// Decode reads a line without its newline.
func Decode(line []byte) (Recorded, error) {
	if len(line) > MaxLine || len(line) < sumLength {
		return Recorded{}, errForm
	}
	text, end := line[:len(line)-sumLength], line[len(line)-sumLength:]
	if string(end) != fmt.Sprintf(`%s%08x"}`, sum, crc32.Checksum(text, crc32.MakeTable(crc32.Castagnoli))) {
		return Recorded{}, errChecksum
	}
	var w wire
	if err := json.Unmarshal(line, &w); err != nil || w.Version != Version {
		return Recorded{}, errForm
	}
	at, err := time.Parse(time.RFC3339Nano, w.Time)
	if err != nil {
		return Recorded{}, errForm
	}
	return Recorded{Index: w.Index, Fact: Fact{
		Time: at, Kind: Kind(w.Kind), Warning: w.Warning, Subject: w.Subject, Reason: w.Reason, Message: w.Message, Count: w.Count, Details: w.Details,
		Request: w.Request, At: w.At,
	}}, nil
}
