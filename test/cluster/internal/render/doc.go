// Package render turns the plan into each machine's configuration files and command lines. It does no I/O.
package render
