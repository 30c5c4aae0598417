// Package envoy decides what the proxy of a foreign pod is told to do: it turns a few validated settings into a complete
// Envoy bootstrap, built from Envoy's own typed messages.
package envoy
