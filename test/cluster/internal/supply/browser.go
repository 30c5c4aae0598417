package supply

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"data-space.liqo.io/test/cluster/internal/plan"
	"data-space.liqo.io/test/cluster/internal/steps"
)

// browserPackages are the browser of test/browser, a font, and what makes their folders a root directory.
func browserPackages() []string {
	return []string{"base-files", "chromium-headless-shell", "fonts-dejavu-core", "fontconfig-config"}
}

// Browser fetches Chromium into a root directory, unless the cache holds it: the newest package of that day.
func Browser(ctx context.Context, dirs plan.Dirs, progress *steps.Log) error {
	stamp := strings.Join(append(browserPackages(), programSuite), " ")
	if have, err := os.ReadFile(filepath.Join(dirs.Browser(), "stamp")); err == nil && string(have) == stamp {
		return nil
	}
	if err := install(ctx, progress, missingPackages([]tool{{"mmdebstrap", "mmdebstrap"}}, exec.LookPath)); err != nil {
		return err
	}
	return progress.Do("fetched Chromium of Debian "+programSuite, func() error {
		work := dirs.Browser() + ".new"
		if err := errors.Join(os.RemoveAll(work), os.MkdirAll(work, 0o755)); err != nil {
			return err
		}
		defer os.RemoveAll(work)
		if err := extract(ctx, work, browserPackages()); err != nil {
			return err
		}
		return errors.Join(os.WriteFile(filepath.Join(work, "stamp"), []byte(stamp), 0o644), os.RemoveAll(dirs.Browser()), os.Rename(work, dirs.Browser()))
	})
}
