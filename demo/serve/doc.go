// Package serve is what the demo's apps share: an HTTP server that runs until its context ends, answers in JSON, and a
// client for the command line.
package serve
