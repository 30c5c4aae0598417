// Package inject decides what a foreign pod needs before the API server may store it: the proxy as a native sidecar,
// the capabilities it loses, and the reasons for which it cannot be made safe and is refused.
package inject
