package fact

import "fmt"

// Request is what a guest's pod asked for, or was asked for: one fact of the lines of its beginning and its end.
type Request struct {
	Direction   string `json:"direction,omitempty"` // egress: the pod asked; ingress: it was asked
	Caller      string `json:"caller,omitempty"`    // address and port
	Destination string `json:"destination,omitempty"`
	Method      string `json:"method,omitempty"`
	Authority   string `json:"authority,omitempty"` // the Host; of a TLS connection the server's name that was asked for; of a name the name
	Path        string `json:"path,omitempty"`
	Protocol    string `json:"protocol,omitempty"` // of a name the type of record
	Status      string `json:"status,omitempty"`   // of HTTP; of a name the code of the answer
	Received    int64  `json:"received,omitempty"` // bytes of the request
	Sent        int64  `json:"sent,omitempty"`     // bytes of the answer
	Duration    int64  `json:"ms,omitempty"`
	Proxy       string `json:"proxy,omitempty"` // why the proxy answered in the server's place; empty: the server answered
	Probe       bool   `json:"probe,omitempty"` // of the kubelet
}

// Bounds of the texts that a tenant chooses, in bytes.
const (
	maxPath   = 512
	maxMethod = 32
	maxShort  = 64
)

// printable returns the request with texts that fit into a line.
func (r *Request) printable() *Request {
	if r == nil {
		return nil
	}
	p := *r
	for text, most := range map[*string]int{
		&p.Direction: maxShort, &p.Caller: maxShort, &p.Destination: MaxName, &p.Method: maxMethod, &p.Authority: MaxName, &p.Path: maxPath, &p.Protocol: maxShort,
		&p.Status: maxShort, &p.Proxy: MaxName,
	} {
		*text = Printable(*text, most)
	}
	return &p
}

// Place is the end of a line in the record of requests of one guest: its segment, and the byte behind it. The zero value: the fact is not of that
// record.
type Place struct {
	Segment int64
	Offset  int64
}

// After reports whether p is behind q.
func (p Place) After(q Place) bool {
	return p.Segment > q.Segment || p.Segment == q.Segment && p.Offset > q.Offset
}

// MarshalText writes a place as SEGMENT:OFFSET.
func (p Place) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d:%d", p.Segment, p.Offset), nil
}

// UnmarshalText reads it.
func (p *Place) UnmarshalText(text []byte) error {
	if _, err := fmt.Sscanf(string(text), "%d:%d", &p.Segment, &p.Offset); err != nil {
		return fmt.Errorf("invalid place %q in a record: SEGMENT:OFFSET is expected", Printable(string(text), maxShort))
	}
	return nil
}
