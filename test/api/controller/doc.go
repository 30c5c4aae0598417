// Package controller tests the controller's binary against a real API server, with exactly the rights of its manifest.
package controller
