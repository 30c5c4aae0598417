package accesslog

import (
	"bufio"
	"encoding/json"
	"strings"

	"data-space.liqo.io/pkg/decisions/record"
)

// Entry is what the claims read of one line. Fields that do not apply are zero.
type Entry struct {
	Event               string `json:"event"`
	Direction           string `json:"direction"` // egress or ingress
	Kind                string `json:"kind"`      // http, tls, tcp, dns, …
	Method              string `json:"method"`
	Path                string `json:"path"`
	Code                int    `json:"response_code"`
	Flags               string `json:"response_flags"`
	BytesSent           int64  `json:"bytes_sent"`
	OriginalDestination string `json:"original_destination"`
	UpstreamHost        string `json:"upstream_host"`
}

// Parse returns the entries of a container's log. Other lines, such as the proxy's own messages, are left out, and so are
// those that tell of a beginning: another follows. That one may come first in the log, so what began is read first.
func Parse(log string) []Entry {
	var pairing record.Pairing
	each(log, func(line record.Entry) {
		if _, begun := record.ParseBegun(line.Log); begun {
			pairing.Whole(line)
		}
	})
	entries := []Entry{}
	each(log, func(line record.Entry) {
		entry := Entry{}
		if whole := pairing.Whole(line); json.Unmarshal(whole.Log, &entry) == nil && entry.Direction != "" &&
			entry.Event != "Begin" && entry.Event != "TcpConnectionStart" {
			entries = append(entries, entry)
		}
	})
	return entries
}

func each(log string, f func(record.Entry)) {
	lines := bufio.NewScanner(strings.NewReader(log))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f(record.Line(record.Source{}, record.Position{}, record.Piece{Content: lines.Bytes()}, 0))
	}
}
