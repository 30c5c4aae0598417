package cniconf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"data-space.liqo.io/pkg/effects/atomicfile"
	"data-space.liqo.io/pkg/values/gate"
)

func (c *Chain) binary() string { return filepath.Join(c.Bin, gate.PluginType) }

// placeBinary copies the plugin, unless the same one is there, and reports whether it did. The runtime may call it at any
// moment: it finds the old one or the new one.
func (c *Chain) placeBinary() (bool, error) {
	same, err := sameFile(c.Source, c.binary())
	if err != nil {
		return false, fmt.Errorf("the plugin, %s: %w", c.Source, err)
	}
	if same {
		return false, nil
	}
	if err := copyPlugin(c.Source, c.binary()); err != nil {
		return false, fmt.Errorf("copy the plugin to %s: %w", c.binary(), err)
	}
	return true, nil
}

func copyPlugin(from, to string) error {
	if _, err := os.Stat(filepath.Dir(to)); err != nil {
		return fmt.Errorf("the folder of CNI plugins: %w; it is not created here, since the runtime would not look there: the cluster's "+
			"CNI plugin creates it, or --cni-bin-dir names another one", err)
	}
	in, err := os.Open(from) //nolint:gosec // the caller names it
	if err != nil {
		return err
	}
	defer in.Close()
	const run = 0o755
	return atomicfile.Copy(to, in, run)
}

// sameFile reports whether both files hold the same program, and the second may be run.
func sameFile(want, have string) (bool, error) {
	w, err := os.Open(want) //nolint:gosec // the caller names it
	if err != nil {
		return false, err
	}
	defer w.Close()
	h, err := os.Open(have) //nolint:gosec // the caller names it
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer h.Close()
	wi, wErr := w.Stat()
	hi, hErr := h.Stat()
	if err := errors.Join(wErr, hErr); err != nil {
		return false, err
	}
	const run = 0o755
	if hi.Mode().Perm() != run || wi.Size() != hi.Size() {
		return false, nil
	}
	return sameBytes(w, h)
}

func sameBytes(a, b io.Reader) (bool, error) {
	const chunk = 256 << 10
	x, y := make([]byte, chunk), make([]byte, chunk)
	for {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		if n != m || !bytes.Equal(x[:n], y[:m]) {
			return false, nil
		}
		switch {
		case ended(errA) && ended(errB):
			return true, nil
		case errA != nil || errB != nil:
			return false, errors.Join(errA, errB)
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
