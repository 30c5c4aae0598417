package follow

import (
	"strconv"
	"unicode/utf8"
)

const microseconds = 1000 // of a millisecond

// About is what the lines of a connection have in common.
type About struct {
	Connection          uint64 // its number in the proxy
	Direction           string // egress or ingress
	Caller, Destination string // addresses with ports
}

// AppendLine appends an event as the line of the proxy by which it gets into the record (package record reads it), with its newline. Nothing
// in an event ends a line or a field.
func (a About) AppendLine(to []byte, e Event) []byte {
	if e.Kind == Ended {
		return a.appendEnd(to, e)
	}
	event, kind := "Begin", "http"
	switch e.Kind {
	case Named:
		kind = "tls"
	case Unread:
		event, kind = "Unread", "tcp"
	case Open:
		event = "DownstreamPeriodic"
	default:
	}
	to = append(to, `{"event":"`+event+`","key":"`...)
	to = a.appendKey(to, e)
	to = field(to, `","direction`, a.Direction)
	to = field(to, `","kind`, kind)
	to = field(to, `","downstream_remote_address`, a.Caller)
	to = field(to, `","original_destination`, a.Destination)
	switch e.Kind {
	case Named:
		to = field(to, `","sni`, e.Authority)
	case Unread:
		to = field(to, `","side`, e.Side.String())
		to = field(to, `","reason`, e.Reason)
	default:
		to = field(to, `","protocol`, e.Protocol)
		to = field(to, `","method`, e.Method)
		to = field(to, `","authority`, e.Authority)
		to = field(to, `","path`, e.Path)
	}
	if e.Kind == Open {
		to = strconv.AppendInt(append(to, `","duration_ms":`...), e.Lasted/microseconds, 10)
		return append(to, "}\n"...)
	}
	return append(to, "\"}\n"...)
}

// String returns the name of a side.
func (s Side) String() string {
	if s == Answers {
		return "answers"
	}
	return "requests"
}

// appendKey writes the number of the connection and the time in microseconds, as Envoy's lines do.
func (a About) appendKey(to []byte, e Event) []byte {
	to = append(strconv.AppendUint(to, a.Connection, 10), '.')
	return strconv.AppendInt(to, e.Stamp, 10)
}

// appendEnd writes "E KEY CODE FLAGS DETAILS RECEIVED SENT MILLISECONDS HEADERS UPSTREAM".
func (a About) appendEnd(to []byte, e Event) []byte {
	to = a.appendKey(append(to, "E "...), e)
	to = strconv.AppendInt(append(to, ' '), int64(e.Status), 10)
	to = append(to, " - "...)
	if e.Status > 0 {
		to = append(to, "via_upstream "...)
	} else {
		to = append(to, "- "...)
	}
	to = strconv.AppendInt(to, e.RequestBytes, 10)
	to = strconv.AppendInt(append(to, ' '), e.AnswerBytes, 10)
	to = strconv.AppendInt(append(to, ' '), e.Lasted/microseconds, 10)
	to = append(to, " - "...)
	return append(append(to, a.Destination...), '\n')
}

// field writes a name, which begins with what ends the field before, and a value, whose quotation mark the next one ends.
func field(to []byte, name, value string) []byte {
	to = append(append(to, name...), `":"`...)
	for len(value) > 0 {
		r, size := utf8.DecodeRuneInString(value)
		switch {
		case r == utf8.RuneError && size == 1: // no UTF-8: as \x and two digits
			to = append(to, `\\x`...)
			to = append(to, digit(rune(value[0])>>4), digit(rune(value[0])))
		case r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029':
			to = append(to, `\u`...)
			to = append(to, digit(r>>12), digit(r>>8), digit(r>>4), digit(r))
		case r == '"' || r == '\\':
			to = append(to, '\\', value[0])
		default:
			to = append(to, value[:size]...)
		}
		value = value[size:]
	}
	return to
}

func digit(r rune) byte { return "0123456789abcdef"[r&0xf] }
