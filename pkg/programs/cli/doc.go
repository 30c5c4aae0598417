// Package cli starts every program in the same way: flags, log, connection to the API server, version, signals and exit status.
//
// A program is a cobra.Command with its flags. It is called wrongly (exit status 2) if a flag, an argument or an environment
// variable is wrong, which is found out before the program changes anything.
package cli
