// Package supply fetches or builds the programs that the lab runs: Debian's packages, upstream sources built by the Go
// command, and Envoy.
package supply
