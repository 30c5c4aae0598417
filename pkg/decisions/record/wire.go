package record

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The proxy's lines as they are on the wire and on the disk (package envoy has their formats):
//
//   - a value of Envoy's own log, or a JSON object of the module that reads along, reports that a request or a connection began, with a key;
//   - a JSON object of the module reports which bytes it could not read. The module writes long lines, and some others, as texts of Envoy's own log;
//   - "E KEY …" reports how a request ended that a server answered;
//   - a JSON object is an access log line with every field, or a line of a proxy of an earlier release.
const (
	valuePrefix = `{"event":"config",`
	beginPrefix = `{"event":"Begin","key":"` // package follow
	unreadEvent = "Unread"                   // of the same
	loggedStart = `{"event":"dynamic_modules",`
	valueText   = "Created the filter state '"
	valueMiddle = "' from value '"
	endPrefix   = "E "
)

// Begun is a line that a request or a connection began, and what its last line needs of it.
type Begun struct {
	Event       string `json:"event"` // Begin
	Start       string `json:"start_time,omitempty"`
	Direction   string `json:"direction,omitempty"`
	Kind        string `json:"kind,omitempty"`
	Method      string `json:"method,omitempty"`
	Path        string `json:"path,omitempty"`
	Authority   string `json:"authority,omitempty"`
	Protocol    string `json:"protocol,omitempty"`
	SNI         string `json:"sni,omitempty"`
	Caller      string `json:"downstream_remote_address,omitempty"`
	Destination string `json:"original_destination,omitempty"`
	Upstream    string `json:"upstream_host,omitempty"`
	Key         string `json:"key"`
}

// Ended is the last line of a request, together with what it was when it began. Where that is no longer in the record, those fields
// are missing.
type Ended struct {
	Begun
	Code          int64  `json:"response_code"`
	Flags         string `json:"response_flags"`
	Details       string `json:"response_code_details"`
	BytesReceived int64  `json:"bytes_received"`
	BytesSent     int64  `json:"bytes_sent"`
	Duration      int64  `json:"duration_ms"`
	HeaderBytes   int64  `json:"request_headers_bytes"`
}

// ParseBegun parses a line of Envoy's own log that reports the begin of a request or connection. It reports false for other lines.
func ParseBegun(line []byte) (Begun, bool) {
	if bytes.HasPrefix(line, []byte(beginPrefix)) {
		var b Begun
		ok := json.Unmarshal(line, &b) == nil
		b.Start = start(b.Key)
		return b, ok
	}
	var l struct{ Text string }
	if !bytes.HasPrefix(line, []byte(valuePrefix)) || json.Unmarshal(line, &l) != nil {
		return Begun{}, false
	}
	rest, found := strings.CutPrefix(l.Text, valueText)
	if !found {
		return Begun{}, false
	}
	name, value, _ := strings.Cut(rest, valueMiddle)
	b, ok := begun(name, value)
	b.Start = start(b.Key)
	return b, ok
}

func begun(name, value string) (Begun, bool) {
	fields := strings.Split(strings.TrimSuffix(value, "'"), "\n")
	switch {
	case name == "begin" && len(fields) == 9:
		return Begun{
			Event: "Begin", Key: fields[0], Direction: fields[1], Kind: fields[2], Protocol: fields[3], Caller: fields[4],
			Destination: fields[5], Method: fields[6], Authority: fields[7], Path: fields[8],
		}, true
	case name == "connect" && len(fields) == 6:
		b := Begun{Event: "Begin", Key: fields[0], Direction: fields[1], Kind: fields[2], Caller: fields[3], Destination: fields[4], SNI: fields[5]}
		if b.SNI == "-" {
			b.SNI = ""
		}
		return b, true
	}
	return Begun{}, false
}

// start returns when that with the key began. A key is the number of a connection and a time in microseconds.
func start(key string) string {
	_, stamp, _ := strings.Cut(key, ".")
	us, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return ""
	}
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// ParseEnded reads the short line by which a request ends. Its key is that of its beginning.
func ParseEnded(text string) (Ended, bool) {
	rest, found := strings.CutPrefix(text, endPrefix)
	fields := strings.Split(rest, " ")
	if !found || len(fields) != 9 {
		return Ended{}, false
	}
	e := Ended{Begun: Begun{Event: "DownstreamEnd", Start: start(fields[0]), Key: fields[0], Upstream: fields[8]}, Flags: fields[2], Details: fields[3]}
	for i, to := range map[int]*int64{1: &e.Code, 4: &e.BytesReceived, 5: &e.BytesSent, 6: &e.Duration, 7: &e.HeaderBytes} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil && fields[i] != "-" {
			return Ended{}, false
		}
		*to = n
	}
	return e, true
}

// Pairing joins the lines of a request's begin and end. What it holds is bounded, however many pods a record
// is of: of the requests that never end, the oldest are forgotten first.
type Pairing struct {
	open  map[opened]Begun
	order []opened
	bytes int
}

// opened names a request that has begun.
type opened struct {
	source Source
	key    string
}

const (
	// maxOpenBytes bounds what is held of the beginnings in a record: who prints it shares the memory of the agent.
	maxOpenBytes = 16 << 20
	// openBytes is more than what a beginning takes beside the texts in it.
	openBytes = 512
)

// Whole returns the entry with the line of a proxy as the JSON object that docs/record.md has. Other entries it returns as they are.
// Entries are given in the order of the record.
func (p *Pairing) Whole(e Entry) Entry {
	e = e.unwrapped()
	switch {
	case e.Log != nil:
		begun, ok := ParseBegun(e.Log)
		if !ok {
			return e
		}
		if begun.Method != "" { // a connection's last line has every field
			p.add(opened{e.Source, begun.Key}, begun)
		}
		return e.says(begun)
	case strings.HasPrefix(e.Text, endPrefix):
		ended, ok := ParseEnded(e.Text)
		if !ok {
			return e
		}
		upstream := ended.Upstream
		if begun, known := p.take(opened{e.Source, ended.Key}); known {
			ended.Begun = begun
		}
		ended.Event, ended.Upstream = "DownstreamEnd", upstream
		return e.says(ended)
	}
	return e
}

// unwrapped returns the entry with a line of the module that Envoy's own log has as a text.
func (e Entry) unwrapped() Entry {
	var l struct{ Text string }
	if !bytes.HasPrefix(e.Log, []byte(loggedStart)) || json.Unmarshal(e.Log, &l) != nil {
		return e
	}
	if _, ended := ParseEnded(l.Text); ended {
		e.Log, e.Text = nil, l.Text
	} else if strings.HasPrefix(l.Text, "{") && json.Valid([]byte(l.Text)) {
		e.Log = json.RawMessage(l.Text)
	}
	return e
}

// ParseUnread reads the line by which a proxy reports that it does not read the bytes of a connection any more. reason is one of package
// follow's.
func ParseUnread(e Entry) (reason string, ok bool) {
	e = e.unwrapped()
	var l struct{ Event, Reason string }
	if !bytes.HasPrefix(e.Log, []byte(`{"event":"`+unreadEvent+`"`)) || json.Unmarshal(e.Log, &l) != nil {
		return "", false
	}
	return l.Reason, true
}

func (e Entry) says(what any) Entry {
	if log, err := json.Marshal(what); err == nil {
		e.Log, e.Text = log, ""
	}
	return e
}

func (p *Pairing) add(o opened, begun Begun) {
	if _, known := p.open[o]; known {
		return
	}
	if p.open == nil {
		p.open = map[opened]Begun{}
	}
	p.open[o] = begun
	p.order = append(p.order, o)
	p.bytes += size(begun)
	for len(p.order) > 2*maxOpenBytes/openBytes || p.bytes > maxOpenBytes {
		p.take(p.order[0])
		p.order = p.order[1:]
	}
}

// take returns a beginning and forgets it.
func (p *Pairing) take(o opened) (Begun, bool) {
	begun, known := p.open[o]
	if known {
		delete(p.open, o)
		p.bytes -= size(begun)
	}
	return begun, known
}

func size(b Begun) int {
	return openBytes + len(b.Method) + len(b.Path) + len(b.Authority) + len(b.Caller) + len(b.Destination)
}
