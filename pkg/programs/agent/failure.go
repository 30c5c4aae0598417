package agent

import (
	"errors"
	"io/fs"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
)

// Reasons of failures: the values of the metric's label and of the status.
const (
	ReasonHostNamespace = "HostNamespace" // refused: it is the node's own
	ReasonNotThePods    = "NotThePods"    // refused: it does not hold the pod's IP
	ReasonOpen          = "NetnsOpen"
	ReasonRuntime       = "Runtime" // the container runtime did not answer
	ReasonWrite         = "Write"   // written rules are not what the kernel holds
	ReasonMark          = "Mark"    // the proxy's listeners cannot be marked
	ReasonRead          = "Read"
	ReasonLedger        = "Ledger"
	ReasonAPI           = "API"
	ReasonOther         = "Other"
)

// failureReasons are all reasons of failures.
func failureReasons() []string {
	return []string{
		ReasonHostNamespace, ReasonNotThePods, ReasonOpen, ReasonRuntime, ReasonWrite, ReasonMark, ReasonRead, ReasonLedger, ReasonAPI, ReasonWall,
		ReasonConfined, ReasonFrames, ReasonOther,
	}
}

// ReasonError is an error with a reason.
type ReasonError struct {
	Reason string
	Err    error
}

func (f *ReasonError) Error() string { return f.Err.Error() }

// Unwrap returns the error.
func (f *ReasonError) Unwrap() error { return f.Err }

func fail(reason string, err error) error { return &ReasonError{Reason: reason, Err: err} }

// reasonOf is the reason of a failure.
func reasonOf(err error) string {
	if f, ok := errors.AsType[*ReasonError](err); ok {
		return f.Reason
	}
	return ReasonOther
}

func refusal(err error) string {
	switch {
	case errors.Is(err, netns.ErrHost):
		return ReasonHostNamespace
	case errors.Is(err, netns.ErrNotThePods):
		return ReasonNotThePods
	default:
		return ReasonOpen
	}
}

// passing reports whether the pod ended, or its namespace went, while it was looked at.
func passing(err error) bool {
	return errors.Is(err, sandbox.ErrGone) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errLostAddresses)
}
