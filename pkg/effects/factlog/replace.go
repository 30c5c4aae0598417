package factlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"data-space.liqo.io/pkg/decisions/translog"
)

// keptDamaged is how many logs that could not be continued are kept beside the one that is written.
const keptDamaged = 3

// OpenOrReplace opens the log, or begins another one if it is damaged: facts are recorded in any case. The damaged one is kept beside it,
// as FOLDER.damaged-NUMBER, and the first line of the new one names it. damage is what was wrong with it.
func OpenOrReplace(folder string, o Options) (l *Log, damage, err error) {
	l, damage = Open(folder, o)
	if !errors.Is(damage, errDamaged) {
		return l, nil, damage
	}
	o.After = Folder(folder).last() + ": " + damage.Error()
	number := 1
	for ; number < keptDamaged; number++ {
		if _, err := os.Lstat(aside(folder, number)); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err := os.RemoveAll(aside(folder, number)); err != nil {
		return nil, damage, fmt.Errorf("remove an earlier damaged log: %w", err)
	}
	if err := os.Rename(folder, aside(folder, number)); err != nil {
		return nil, damage, fmt.Errorf("set the damaged log aside: %w", err)
	}
	l, err = Open(folder, o)
	return l, damage, err
}

func aside(folder string, number int) string { return fmt.Sprintf("%s.damaged-%d", folder, number) }

// last returns what is known of a log that cannot be continued, in one line: its newest key, which names it, and its newest checkpoint.
func (f Folder) last() string {
	var known []string
	if keys, err := f.Keys(); err == nil && len(keys) > 0 {
		known = append(known, keys[len(keys)-1])
	}
	if signed, err := f.Checkpoint(); err == nil {
		if c, err := translog.ParseCheckpoint(unsigned(signed)); err == nil {
			known = append(known, strings.Fields(c.Text())...)
		}
	}
	return strings.Join(known, " ")
}

// IsAside reports whether a folder of that name is a log that could not be continued.
func IsAside(name string) bool { return strings.Contains(name, ".damaged-") }
