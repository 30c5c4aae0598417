package agent

import (
	"errors"
	"io/fs"

	"data-space.liqo.io/pkg/effects/sandbox"
)

// passing reports whether the pod ended, or its namespace went, while it was looked at.
func passing(err error) bool {
	return errors.Is(err, sandbox.ErrGone) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errLostAddresses)
}
