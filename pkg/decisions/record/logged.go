package record

import "encoding/json"

// Logged are the fields of a proxy's line that people are shown, whichever event the line reports.
type Logged struct {
	Begun
	Code   int64  `json:"response_code"`
	Text   string `json:"text"`   // of the proxy's own log
	Side   string `json:"side"`   // of bytes that are not read
	Reason string `json:"reason"` // why they are not read
}

// ParseLogged reads the fields of an entry. They are empty if the entry is not a line of a proxy.
func ParseLogged(e Entry) Logged {
	var l Logged
	_ = json.Unmarshal(e.Log, &l) // the caller shows the text of any other line
	return l
}
