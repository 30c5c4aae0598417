// Package buildinfo reads what the Go command has written into the running program: its version, the commit and the version of Go.
package buildinfo

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version returns the program's version, the commit it was built from, and the version of Go.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown, " + runtime.Version()
	}
	return describe(info)
}

// describe returns the text of --version.
func describe(info *debug.BuildInfo) string {
	commit, modified := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = " (modified)"
		}
	}
	return fmt.Sprintf("%s, commit %s%s, %s", info.Main.Version, commit, modified, info.GoVersion)
}
