// Package seccomp tries the seccomp profile of foreign pods with a real runc: what it refuses, and that ordinary software
// lives with it.
package seccomp
