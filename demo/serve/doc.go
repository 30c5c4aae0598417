// Package serve runs the HTTP server of a demo app until its context ends, and writes JSON answers.
package serve
