// Package envoy decides the configuration of a foreign pod's proxy: it turns validated settings into a complete Envoy
// bootstrap. The bootstrap is built from Envoy's own typed messages.
package envoy
