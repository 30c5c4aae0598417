// Package scenario holds the demo's claims about the running cluster: what is expected, and how it is observed. The command
// story and the lab's tests run the same claims.
package scenario
