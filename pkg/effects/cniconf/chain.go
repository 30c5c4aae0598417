package cniconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"data-space.liqo.io/pkg/decisions/conflist"
	"data-space.liqo.io/pkg/values/gate"
)

// ErrNone means that there is no CNI configuration yet. The cluster's CNI plugin will write one.
var ErrNone = errors.New("no CNI configuration yet")

// Chain is the CNI chain of a node. Several processes may work on one; none of them loses what another tool writes.
type Chain struct {
	Conf, Bin string     // folders, as seen from here
	Source    string     // the plugin's file to copy from
	Entry     gate.Entry // the plugin's part of the configuration
	Log       *slog.Logger
	Restored  func() // if set, called when something had to be put back
	Placed    func() // if set, called whenever plugin and entry were found or put in their places

	problem atomic.Value // trouble: of the last look
}

// trouble is an error that an atomic.Value can hold.
type trouble struct{ error }

// Problem is why the plugin was not in the chain when Keep last looked; nil: it was.
func (c *Chain) Problem() error {
	last, looked := c.problem.Load().(trouble)
	if !looked {
		return errors.New("the CNI plugin is not in the node's chain yet")
	}
	return last.error
}

// Install writes the plugin's file and then its entry, and returns what it changed. errors.Is ErrNone if there is no
// configuration for the entry yet.
func (c *Chain) Install() (changed []string, err error) {
	wrote, err := c.placeBinary()
	if err != nil {
		return nil, err
	}
	if wrote {
		changed = append(changed, c.binary())
	}
	file, err := c.placeEntry()
	if file != "" {
		changed = append(changed, file)
	}
	return changed, err
}

// placeEntry puts the entry into the active configuration and returns its file if that changed it.
func (c *Chain) placeEntry() (string, error) {
	active, err := c.active()
	if err != nil {
		return "", err
	}
	if active == "" {
		return "", fmt.Errorf("%s: %w", c.Conf, ErrNone)
	}
	entry, err := json.Marshal(c.Entry)
	if err != nil {
		return "", fmt.Errorf("the entry of %s: %w", gate.PluginType, err)
	}
	put := func(text []byte) ([]byte, error) { return conflist.Put(text, gate.PluginType, entry) }
	if conflist.Single(active) {
		return c.convert(active, put)
	}
	file := filepath.Join(c.Conf, active)
	did, err := edit(file, put)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	if !did {
		return "", nil
	}
	return file, nil
}

// convert makes a list of the configuration of one plugin. Until the last step the runtime uses the old one.
func (c *Chain) convert(single string, put func([]byte) ([]byte, error)) (string, error) {
	file := filepath.Join(c.Conf, single)
	text, info, err := load(file)
	if err != nil {
		return "", err
	}
	made, err := conflist.FromConf(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	if made, err = put(made); err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	list := filepath.Join(c.Conf, conflist.Made(single))
	if err := replace(list, made, info); err != nil {
		return "", fmt.Errorf("%s: %w", list, err)
	}
	if err := os.Rename(file, filepath.Join(c.Conf, conflist.Aside(single))); err != nil {
		return "", fmt.Errorf("set the configuration of one plugin aside: %w", err)
	}
	return list, nil
}

// settleTime is how long a runtime may take to notice that its configuration has changed.
const settleTime = time.Second

// Uninstall deletes the entry from every configuration, and then the plugin's file, when no runtime can still call it. It returns
// what it changed. An error does not stop the rest, but then the plugin's file stays: an entry without its file would stop every
// pod of the node from starting.
func (c *Chain) Uninstall() (changed []string, err error) {
	names, err := c.names()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var problems []error
	for _, name := range names {
		did, err := c.takeOut(name)
		if err != nil {
			problems = append(problems, err)
		}
		if did {
			changed = append(changed, filepath.Join(c.Conf, name))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return changed, fmt.Errorf("%w; %s stays until no configuration names it", err, c.binary())
	}
	if len(changed) > 0 {
		time.Sleep(settleTime)
	}
	err = os.Remove(c.binary())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return changed, nil
	case err != nil:
		return changed, fmt.Errorf("remove the plugin: %w", err)
	}
	return append(changed, c.binary()), nil
}

// takeOut undoes in one file what Install did, and reports whether there was something to undo.
func (c *Chain) takeOut(name string) (bool, error) {
	file := filepath.Join(c.Conf, name)
	if single, ok := conflist.Original(name); ok {
		return true, c.giveBack(single)
	}
	if !conflist.List(name) {
		return false, nil
	}
	did, err := edit(file, func(text []byte) ([]byte, error) {
		if !conflist.Has(text, gate.PluginType) {
			return text, nil // also what is no configuration: nothing of ours is in it
		}
		return conflist.Take(text, gate.PluginType)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // the list made of a single one has gone with giveBack
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", file, err)
	}
	return did, nil
}

// giveBack puts the configuration of one plugin in its place again, unless a newer one has come meanwhile.
func (c *Chain) giveBack(single string) error {
	file, aside := filepath.Join(c.Conf, single), filepath.Join(c.Conf, conflist.Aside(single))
	err := os.Link(aside, file)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("put %s back: %w", file, err)
	}
	for _, made := range []string{filepath.Join(c.Conf, conflist.Made(single)), aside} {
		if err := os.Remove(made); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("put %s back: %w", file, err)
		}
	}
	return nil
}

// active is the name of the configuration that the runtime uses.
func (c *Chain) active() (string, error) {
	names, err := c.names()
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return conflist.Active(names), err
}

// names are the files of the folder of configurations.
func (c *Chain) names() ([]string, error) {
	info, err := os.Stat(c.Conf)
	if err != nil {
		return nil, fmt.Errorf("the folder of CNI configurations: %w", err)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && s.Nlink == 0 {
		return nil, fmt.Errorf("the folder of CNI configurations, %s, was deleted on the node and is another one now: restart the agent", c.Conf)
	}
	entries, err := os.ReadDir(c.Conf)
	if err != nil {
		return nil, fmt.Errorf("the folder of CNI configurations: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
