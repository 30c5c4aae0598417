package fact

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Version is the version of the line's form. A reader refuses lines of a version that it does not know.
const Version = 1

// Kind is what happened. The kinds that an Event of Kubernetes reports as well have the Event's reason as their name.
type Kind string

// The kinds that no Event reports.
const (
	AgentStarted         Kind = "AgentStarted"         // details: version, configuration (SHA-256 of the agent's arguments)
	AgentStopped         Kind = "AgentStopped"         // the agent ended in order; without it before AgentStarted, it was killed
	AgentUpgraded        Kind = "AgentUpgraded"        // the version differs from that of the start before
	ConfigurationChanged Kind = "ConfigurationChanged" // the settings differ from those of the start before

	// PodStateChanged: what the kernel holds for a pod is another than before; details: from, to, backend, rules (their hash), netns, and cgroup and
	// cgroupInode of the proxy that they are bound to.
	PodStateChanged Kind = "PodStateChanged"

	// RequestsRecorded: lines were added to the record of a guest's requests; details: folder, segment, from and to in bytes, and their sha256.
	RequestsRecorded Kind = "RequestsRecorded"

	// Requested, Connected and NameAsked: a pod of a guest made or received a request, or a connection that is not read as requests, or asked for a
	// name. They have a Request.
	Requested Kind = "Requested"
	Connected Kind = "Connected"
	NameAsked Kind = "NameAsked"
	// APIRequested: a request was sent to the API proxy; reason: the verdict; details: id, verb, user, code, sender if
	// the user is impersonated, and resource and object, or path.
	APIRequested Kind = "APIRequested"
	// RequestsJoined: up to At, all of the record of a guest is in its log; count: how many facts of it were recorded one by one.
	RequestsJoined Kind = "RequestsJoined"
	// RequestsSigned: the log of a guest's requests had so many lines (count), and that hash; details: origin, hash, key.
	RequestsSigned Kind = "RequestsSigned"
	// RequestsMissing: a part of a proxy's or of the resolver's log is not in the record of a guest, or not in its log; reason: why, count: bytes or
	// lines, 0: not known.
	RequestsMissing Kind = "RequestsMissing"

	ProgramStarted   Kind = "ProgramStarted"   // the webhook, the controller or the API proxy; details: program, version, configuration
	ProgramStopped   Kind = "ProgramStopped"   // one of them ended in order
	ProgramUpgraded  Kind = "ProgramUpgraded"  // its version differs from that of the start before on this node; details: program, from, to
	AdmissionRefused Kind = "AdmissionRefused" // the webhook refused an object of a guest; reason: the kind of object; details: operation, user, name
	// Impersonated: a process or a caller acts as another one; reason: ProxyUser (rejected packets of a pod, count), or of the API proxy Allowed or
	// Refused; details: rule, or sender, as.
	Impersonated      Kind = "Impersonated"
	GuestPolicySet    Kind = "GuestPolicySet"    // a GuestPolicy has another content; details: name, hash; reason: Applied or Deleted
	ProtectedTaintSet Kind = "ProtectedTaintSet" // a ProtectedTaint has another content; details: as above

	PolicyInForce Kind = "PolicyInForce" // NetworkPolicy is in force on the node
	PolicyChanged Kind = "PolicyChanged" // a NetworkPolicy of a namespace was applied or deleted, or found at the start; details: name, its rules in words and their hash
	// PodSeen: a pod of this node, of a guest or not, as policies see it; reason: Found when an agent starts, Added, Changed or Gone; details: ips, labels,
	// spaceLabels (those of its namespace), ports.
	PodSeen        Kind = "PodSeen"
	PacketsDropped Kind = "PacketsDropped" // the rules in a pod's network namespace dropped so many packets; details: by rule
	// DestinationDropped: a rule in a pod's network namespace dropped packets to this address, or from it; reason: the rule, count: those that
	// the kernel logged, which are not all; details: direction, protocol, address, port (of the receiver). Without details: of further places.
	DestinationDropped Kind = "DestinationDropped"
	PacketsRefused     Kind = "PacketsRefused" // NetworkPolicy refused so many packets since the last verification, by reason

	LogStarted      Kind = "LogStarted"      // the first line of a log: its origin and its key; the log before it, if there is one
	KeyRotated      Kind = "KeyRotated"      // from here on a new key signs; details: key
	TailCut         Kind = "TailCut"         // an unfinished write was found at the end, and removed
	SegmentsRemoved Kind = "SegmentsRemoved" // the oldest lines were removed, for the disk's sake; their hashes remain
	FactsLost       Kind = "FactsLost"       // facts were not recorded: count, and why; details: since
	FactsCounted    Kind = "FactsCounted"    // more facts of a kind happened to a pod than are recorded one by one: count; details: since, reason
	ClockStepped    Kind = "ClockStepped"    // the node's clock was set; details: seconds
	WitnessRefused  Kind = "WitnessRefused"  // a witness did not cosign: the log that it knows is not a part of this one
	WitnessAway     Kind = "WitnessAway"     // a witness has cosigned nothing for an hour; reason: its name
	WitnessBack     Kind = "WitnessBack"     // it cosigns again
)

// Allowed is the reason of Impersonated if the API server allows the caller to act as another one.
const Allowed = "Allowed"

// DetailSince is the detail of FactsLost and FactsCounted that has when the first of the facts happened that are missing before the line.
const DetailSince = "since"

// DetailRecord is the detail of another program's fact that names the folder of the record of requests in which the fact was.
const DetailRecord = "record"

// Subject is what a fact is about. Empty fields: the node as a whole.
type Subject struct {
	Guest     string `json:"guest,omitempty"` // cluster ID
	Namespace string `json:"namespace,omitempty"`
	Pod       string `json:"pod,omitempty"`
	UID       string `json:"uid,omitempty"`
}

// Fact is one thing that happened.
type Fact struct {
	Time    time.Time         // by the node's clock; the index, not the time, gives the order
	Kind    Kind              //
	Warning bool              // someone should look at it
	Subject Subject           //
	Reason  string            // within the kind, one word
	Message string            // for people
	Count   int64             // how many times, if not once
	Details map[string]string // at most MaxDetails of them are recorded
	Request *Request          // of a guest's pod
	At      Place             // in the record of requests
}

// Bounded returns the fact with as much of its message, its reason and its details as a line may have. They are copies, so that no longer text stays in memory.
func (f Fact) Bounded() Fact {
	f.Message, f.Reason = bounded(f.Message), bounded(f.Reason)
	details := f.Details
	f.Details = make(map[string]string, len(details))
	for key, text := range details {
		f.Details[bounded(key)] = bounded(text)
	}
	return f
}

// bounded returns a copy of the beginning of a text: one byte more than a line may have, so that the line shows that it was cut.
func bounded(text string) string { return strings.Clone(text[:min(len(text), MaxMessage+1)]) }

// Recorded is a fact with its place in a log.
type Recorded struct {
	Index int64
	Fact
}

// Frequent reports whether facts of a kind are as many as what guests' pods ask for.
func (k Kind) Frequent() bool {
	return k == Requested || k == Connected || k == NameAsked || k == APIRequested
}

// ConfigurationHash is the SHA-256 of the arguments of a program, each followed by a zero byte.
func ConfigurationHash(arguments []string) string {
	sum := sha256.Sum256([]byte(strings.Join(append(arguments[:len(arguments):len(arguments)], ""), "\x00")))
	return hex.EncodeToString(sum[:])
}
