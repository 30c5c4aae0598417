//go:build !amd64

package attack

import "golang.org/x/sys/unix"

const low32 = 0

// int80 reports that this machine has no 32-bit table.
func int80(_, _, _, _ uintptr) int32 { return -int32(unix.ENOSYS) }
