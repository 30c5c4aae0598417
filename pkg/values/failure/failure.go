// Package failure holds errors with a reason: the value of a metric's label, of the field reason in a pod's status, and of an
// Event's first word.
package failure

import "errors"

// The reasons of failures.
const (
	HostNamespace = "HostNamespace" // refused: it is the node's own network namespace
	NotThePods    = "NotThePods"    // refused: the network namespace does not hold the pod's IP
	Open          = "NetnsOpen"     // the network namespace cannot be opened
	Runtime       = "Runtime"       // the container runtime did not answer
	Write         = "Write"         // written rules are not what the kernel holds
	Mark          = "Mark"          // the proxy's listeners cannot be marked
	Read          = "Read"          // the kernel's rules cannot be read
	Ledger        = "Ledger"        // what outlives the agent on the node cannot be written
	API           = "API"           // the API server did not answer
	Wall          = "Wall"          // the filter on the node's end of a quarantined pod's link cannot be written or removed
	Confinement   = "Confinement"   // what a container may do cannot be read
	Frames        = "Frames"        // the frame filter cannot be written or removed
	Other         = "Other"
)

// Busy is the reason of a start that is tried again, because too many pods start at the same time. It counts as no failure.
const Busy = "Busy"

// Reasons returns all reasons of failures.
func Reasons() []string {
	return []string{HostNamespace, NotThePods, Open, Runtime, Write, Mark, Read, Ledger, API, Wall, Confinement, Frames, Other}
}

// reasoned is an error with a reason.
type reasoned struct {
	reason string
	err    error
}

// New returns the error with a reason, which ReasonOf finds also in an error that wraps it.
func New(reason string, err error) error { return &reasoned{reason: reason, err: err} }

// Error returns the text of the error; the reason is no part of it.
func (f *reasoned) Error() string { return f.err.Error() }

// Unwrap returns the error.
func (f *reasoned) Unwrap() error { return f.err }

// ReasonOf returns the reason of an error, or Other.
func ReasonOf(err error) string {
	if f, ok := errors.AsType[*reasoned](err); ok {
		return f.reason
	}
	return Other
}
