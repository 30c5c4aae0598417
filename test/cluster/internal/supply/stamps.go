package supply

import (
	"fmt"
	"os"
	"path/filepath"

	"data-space.liqo.io/test/cluster/internal/plan"
)

// A program in the cache is known by its stamp: a text that changes with everything it was made from.

func stampFile(d plan.Dirs, name string) string { return filepath.Join(d.Bin(), ".stamps", name) }

// built reports whether the program is there and was made from what the stamp says.
func built(d plan.Dirs, name, stamp string) bool {
	have, err := os.ReadFile(stampFile(d, name))
	if err != nil || string(have) != stamp {
		return false
	}
	_, err = os.Stat(d.Program(name))
	return err == nil
}

func writeStamp(d plan.Dirs, name, stamp string) error {
	file := stampFile(d, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("remember how %s was made: %w", name, err)
	}
	if err := os.WriteFile(file, []byte(stamp), 0o644); err != nil {
		return fmt.Errorf("remember how %s was made: %w", name, err)
	}
	return nil
}
