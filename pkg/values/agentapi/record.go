package agentapi

import "time"

// Paths of the record.
const (
	RecordPath     = "/v1/record"           // RecordStatus
	LogPath        = "/v1/record/tlog/"     // the node's log by https://c2sp.org/tlog-tiles: checkpoint, and tiles of hashes and lines
	FactsPath      = "/v1/record/facts"     // the log's lines that a FactQuery chooses, as they are
	VerifiedPath   = "/v1/record/verified"  // RecordVerification: the log and the record of requests are read as a whole
	ProofsPath     = "/v1/record/proofs"    // a FactProof for each "index" of the query, one a line
	ContinuedPath  = "/v1/record/continued" // "from": the newest checkpoint with the proof that it continues so many lines (https://c2sp.org/tlog-witness)
	RotatePath     = "/v1/record/rotate"    // POST, on the local socket: a Rotated for each log that has another key
	RequestsPath   = "/v1/requests"         // the record of requests that a RequestQuery chooses
	VerifyNodePath = PolicyPath + "/verified"
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
	// Guests are the logs of guests' requests, whose size and hash the node's log has once a minute.
	Guests []GuestLog `json:"guests,omitempty"`
	// Witnesses are those that the agent asks to cosign, as it was given them.
	Witnesses []Witnessed `json:"witnesses,omitempty"`
}

// Rotated is a log that has another key.
type Rotated struct {
	Guest string `json:"guest,omitempty"` // empty: the log of the node
	Key   string `json:"key"`             // public
}

// GuestLog is the state of the log of one guest's requests.
type GuestLog struct {
	Guest  string   `json:"guest"`  // as in FactQuery.Log
	Origin string   `json:"origin"` // the log's name
	Keys   []string `json:"keys"`   // public, oldest first
	Signed int64    `json:"signed"` // lines that its checkpoint covers
}

// Witnessed is what the agent knows of a witness.
type Witnessed struct {
	Name    string    `json:"name"`
	Lines   int64     `json:"lines"`             // that it has cosigned
	Asked   time.Time `json:"asked,omitzero"`    // when it was last asked; zero: not yet
	Refused bool      `json:"refused,omitempty"` // the log that it knows is no part of this one
	Problem string    `json:"problem,omitempty"` // why it did not cosign when it was last asked
}

// RecordVerification is what is found when the log and the record of requests are read as a whole.
type RecordVerification struct {
	Origin  string       `json:"origin"`
	Covered int64        `json:"covered"` // lines that the newest checkpoint covers
	Read    int64        `json:"read"`    // lines that are on the disk
	Parts   int          `json:"parts"`   // of the record of requests that are as they were recorded
	Flaws   []RecordFlaw `json:"flaws"`

	Guest  string               `json:"guest,omitempty"`  // whose log it is; empty: the node's
	Guests []RecordVerification `json:"guests,omitempty"` // of the logs of guests' requests, whose flaws are among those above
}

// RecordFlaw is one thing that is wrong with a log.
type RecordFlaw struct {
	Reason  string `json:"reason"`
	Index   int64  `json:"index"` // of the line; -1: of none
	Message string `json:"message"`
}

// FactProof is a proof that a line is in the log, in the form of https://c2sp.org/tlog-proof, or why there is none.
type FactProof struct {
	Index   int64  `json:"index"`
	Proof   string `json:"proof,omitempty"`
	Problem string `json:"problem,omitempty"`
}
