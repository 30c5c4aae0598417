// Package seccomp decides which system calls a container of a foreign pod may make: the runtimes' default profile, with an
// allow-list of socket families. The default profile is that for the capabilities that admission leaves.
package seccomp
