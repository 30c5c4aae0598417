package accesslog

import (
	"bufio"
	"encoding/json"
	"strings"
)

// Entry is what the story reads of one line. Fields that do not apply are zero.
type Entry struct {
	Event               string `json:"event"`
	Direction           string `json:"direction"` // egress or ingress
	Kind                string `json:"kind"`      // http, tls, tcp, dns, …
	Method              string `json:"method"`
	Path                string `json:"path"`
	Code                int    `json:"response_code"`
	BytesSent           int64  `json:"bytes_sent"`
	OriginalDestination string `json:"original_destination"`
	UpstreamHost        string `json:"upstream_host"`
}

// Parse returns the entries of a container's log. Other lines, such as the proxy's own messages, are left out, and so are
// those that tell of a beginning: another follows.
func Parse(log string) []Entry {
	entries := []Entry{}
	lines := bufio.NewScanner(strings.NewReader(log))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		entry := Entry{}
		text := lines.Text()
		if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &entry) == nil && entry.Direction != "" &&
			entry.Event != "Begin" && entry.Event != "TcpConnectionStart" {
			entries = append(entries, entry)
		}
	}
	return entries
}
