// Package render turns the plan into what each machine runs: configuration files and command lines. It does no I/O.
package render
