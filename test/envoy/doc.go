// Package envoy tests the proxy's configuration with the real Envoy: that it loads, and what it does to the traffic of a
// pod, in network namespaces made for the test.
package envoy
