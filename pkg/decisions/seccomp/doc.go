// Package seccomp decides which system calls a container of a foreign pod may make: those of the container runtimes' default
// profile for the capabilities that admission leaves, with an allow-list of socket families.
package seccomp
