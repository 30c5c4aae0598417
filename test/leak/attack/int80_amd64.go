package attack

import "golang.org/x/sys/unix"

// low32 asks mmap(2) for memory that a pointer of 32 bits reaches.
const low32 = unix.MAP_32BIT

// int80 makes a system call of the 32-bit table. It must not block: the scheduler of Go does not know of it.
//
//go:noescape
func int80(number, a, b, c uintptr) int32
