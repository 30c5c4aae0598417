package recorder

import (
	"data-space.liqo.io/pkg/effects/logfollow"
	"data-space.liqo.io/pkg/effects/recordfile"
)

const (
	mebi = 1 << 20
	// Of one pod: what it may write into its log for long (bytes a second), at once, and how much may wait to be copied.
	podRate, podBurst, podLag = 2 * mebi, 8 * mebi, 64 * mebi
	// removedLogs is how many bytes of the disk the logs of one guest's removed pods may take until they are copied.
	removedLogs = 1024 * mebi
	// nodeRate is how many bytes a second are copied of all pods together.
	nodeRate = 16 * mebi
)

// Bounded returns the configuration with the bounds of a node's record: each guest's has at most that many MiB, in segments of so many bytes. What
// a pod writes faster than it may waits in its log; what then exceeds podLag is skipped (logfollow.Limits).
func (c Config) Bounded(mebibytes, segment int64) Config {
	c.Node, c.Removed = nodeRate, removedLogs
	c.Limits = recordfile.Limits{Total: mebibytes * mebi, Segment: segment}
	c.Source = logfollow.Limits{Rate: podRate, Burst: podBurst, Lag: podLag}
	c.Shared = logfollow.Limits{Rate: nodeRate, Burst: nodeRate, Lag: podLag}
	return c
}
