// Package seccomp tests the seccomp profile of foreign pods with a real runc: what it refuses, and that ordinary software
// works under it.
package seccomp
