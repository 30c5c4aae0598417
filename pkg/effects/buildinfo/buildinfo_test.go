package buildinfo

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheVersionHasTheCommitAndGo(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "b211fae"}, {Key: "vcs.modified", Value: "true"}}}
	info.Main.Version = "v1.2.3"
	require.Equal(t, "v1.2.3, commit b211fae (modified), go1.26.8", describe(info))
	info.Settings = nil
	require.Equal(t, "v1.2.3, commit unknown, go1.26.8", describe(info))
}
