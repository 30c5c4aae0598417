package agent

import (
	"errors"
	"io/fs"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/values/failure"
)

func refusal(err error) string {
	switch {
	case errors.Is(err, netns.ErrHost):
		return failure.HostNamespace
	case errors.Is(err, netns.ErrNotThePods):
		return failure.NotThePods
	default:
		return failure.Open
	}
}

// passing reports whether the pod ended, or its namespace went, while it was looked at.
func passing(err error) bool {
	return errors.Is(err, sandbox.ErrGone) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errLostAddresses)
}
