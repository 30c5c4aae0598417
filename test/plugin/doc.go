// Package plugin_test runs the CNI plugin as a runtime does: the program, its environment, its standard input.
package plugin_test
