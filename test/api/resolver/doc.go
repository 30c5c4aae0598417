// Package resolver tests the guests' resolver, with the Corefile that the controller makes and the rights of its manifest,
// against a real API server.
package resolver
