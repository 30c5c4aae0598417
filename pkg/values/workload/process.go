package workload

// Process is a container's first process.
type Process struct {
	PID    int
	Cgroup string // its cgroup2 path in the host's view, as /proc/PID/cgroup shows it
	// CgroupInode identifies the control group itself: another one at the same path has another. 0: the node has no
	// cgroup2 file system mounted to read it from.
	CgroupInode uint64
}
