// Package proxy tests the API proxy before a real API server, with exactly the rights of its manifest.
package proxy
