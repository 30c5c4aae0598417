// Package serve holds what the demo's applications share: an HTTP server with JSON answers, and a command-line client.
package serve
