// Package controller tests the controller as it is installed: its own binary, with exactly the rights of its manifest,
// against a real API server.
package controller
