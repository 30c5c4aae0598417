package workload

import (
	"math/bits"
	"strings"
)

// Confinement is what a container may do beyond its program, and which namespaces it lives in.
type Confinement struct {
	Bounding Capabilities // what no process of the container can have more than
	Net, PID uint64       // inodes of the namespaces of its first process; 0: it has none now
	Process  int          // the number of that process; 0: none
	Joined   string       // the PID namespace that it is configured to join; empty: its own
}

// Runtime is the program that a sandbox runs in, as reported by the container runtime.
type Runtime struct {
	Handler string // as the pod's runtime class names it; empty: the default one
	Type    string // containerd's name of the shim; empty: not reported
	Binary  string // the program that the shim is configured to run; empty: the shim's default
}

// Capabilities is a set of capabilities: bit n is the one of that number (capabilities(7), linux/capability.h).
type Capabilities uint64

// capabilityNames lists the capabilities by number.
func capabilityNames() []string {
	return []string{
		"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
		"NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT",
		"SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE",
		"AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
		"PERFMON", "BPF", "CHECKPOINT_RESTORE",
	}
}

// CapabilitySet is the set of those named, with CAP_ before them or without. An unknown name counts as the
// highest bit, so that it is no less than something unknown.
func CapabilitySet(names ...string) Capabilities {
	var set Capabilities
	for _, name := range names {
		bit := Capabilities(1) << 63
		for number, known := range capabilityNames() {
			if strings.TrimPrefix(name, "CAP_") == known {
				bit = 1 << number
			}
		}
		set |= bit
	}
	return set
}

// String names the capabilities, as a container's securityContext does.
func (c Capabilities) String() string {
	var words []string
	names := capabilityNames()
	for rest := uint64(c); rest != 0; rest &= rest - 1 {
		name := "unknown"
		if number := bits.TrailingZeros64(rest); number < len(names) {
			name = names[number]
		}
		words = append(words, name)
	}
	return strings.Join(words, ", ")
}
