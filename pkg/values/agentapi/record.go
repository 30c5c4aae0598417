package agentapi

// Paths of the record.
const (
	RecordPath = "/v1/record"       // RecordStatus
	LogPath    = "/v1/record/tlog/" // the node's log by https://c2sp.org/tlog-tiles: checkpoint, and tiles of hashes and lines
)

// RecordStatus is the state of the node's transparency log.
type RecordStatus struct {
	Node   string   `json:"node"`
	Origin string   `json:"origin"` // the log's name
	Keys   []string `json:"keys"`   // public, oldest first
	Lines  int64    `json:"lines"`  // since the log began
	Oldest int64    `json:"oldest"` // index of the oldest line that is left
	Signed int64    `json:"signed"` // lines that the checkpoint covers
	// Checkpoint is the newest, signed (https://c2sp.org/tlog-checkpoint).
	Checkpoint string `json:"checkpoint"`
	Cosigned   string `json:"cosigned,omitempty"` // the newest that witnesses have cosigned
	Problem    string `json:"problem,omitempty"`  // why facts are not recorded now
}
