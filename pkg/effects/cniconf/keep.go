package cniconf

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"

	"data-space.liqo.io/pkg/decisions/conflist"
)

const (
	// look is the period of comparing the folders, for changes without an event.
	look = 500 * time.Millisecond
	// examine is the period of comparing the whole plugin's file; in between only its size and times are compared.
	examine = 30 * time.Second
	// halfWritten is how long a configuration may be invalid before it is logged.
	halfWritten = 2 * time.Second
)

// Keep installs the plugin, and restores at once what other programs change or delete, until the context ends. It does not
// uninstall then. It returns an error only if it cannot begin. Later failures are logged, and Keep tries again.
func (c *Chain) Keep(ctx context.Context) error {
	if _, err := os.Stat(c.Source); err != nil {
		return err
	}
	w := c.watch()
	defer w.close()
	k := keeper{Chain: c}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		k.once(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-w.events:
		case err := <-w.errors:
			c.Log.Warn("a change in the folder of CNI configurations may have been missed; it is looked at twice a second", "error", err)
		case <-tick.C:
			w.again()
		}
	}
}

// watch receives the changes of the folder of configurations.
type watch struct {
	events <-chan fsnotify.Event
	errors <-chan error
	again  func() // watches a folder that was removed and made; one that is watched stays so
	close  func()
}

// watch begins to watch. Without events (no inotify instance is left) the folder is looked at all the same.
func (c *Chain) watch() watch {
	w, err := fsnotify.NewBufferedWatcher(1)
	if err != nil {
		c.Log.Warn("no events of the folder of CNI configurations: it is looked at twice a second", "error", err)
		return watch{again: func() {}, close: func() {}}
	}
	again := func() { _ = w.Add(c.Conf) }
	again()
	return watch{events: w.Events, errors: w.Errors, again: again, close: func() { _ = w.Close() }}
}

// keeper remembers what was logged and compared.
type keeper struct {
	*Chain
	installed bool      // once
	text      string    // of the last trouble
	since     time.Time // of the trouble
	said      bool
	plugin    os.FileInfo
	examined  time.Time
}

// once looks and repairs.
func (k *keeper) once(now time.Time) {
	var changed []string
	var err error
	if k.pluginTouched(now) {
		changed, err = k.Install()
		k.plugin, _ = os.Stat(k.binary()) // nil: look again
		k.examined = now
	} else {
		var file string
		if file, err = k.placeEntry(); file != "" {
			changed = []string{file}
		}
	}
	k.problem.Store(trouble{err})
	k.report(changed, err, now)
}

// pluginTouched reports whether the plugin's file may be another than the one that was installed.
func (k *keeper) pluginTouched(now time.Time) bool {
	if k.plugin == nil || now.Sub(k.examined) >= examine {
		return true
	}
	info, err := os.Stat(k.binary())
	return err != nil || !os.SameFile(info, k.plugin) || info.Size() != k.plugin.Size() ||
		!info.ModTime().Equal(k.plugin.ModTime()) || info.Mode() != k.plugin.Mode()
}

// report logs each problem and each change once.
func (k *keeper) report(changed []string, err error, now time.Time) {
	if len(changed) > 0 {
		if k.installed && k.Restored != nil {
			k.Restored()
		}
		k.Log.Info("the CNI plugin is in place", "changed", changed, "again", k.installed)
		k.installed = true
	}
	if err == nil {
		if k.said {
			k.Log.Info("the CNI plugin is in place again")
		}
		k.installed, k.text, k.said = true, "", false
		if k.Placed != nil {
			k.Placed()
		}
		return
	}
	if text := err.Error(); text != k.text {
		k.text, k.since, k.said = text, now, false
	}
	if k.said || (errors.Is(err, conflist.ErrInvalid) && now.Sub(k.since) < halfWritten) {
		return
	}
	k.said = true
	k.Log.Warn("the CNI plugin is not in the node's chain: foreign pods are enforced as soon as they are seen, but not held", "error", err)
}
