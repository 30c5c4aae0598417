// Package inject decides how the webhook changes a foreign pod before it is stored: the proxy as a native sidecar,
// capabilities removed. It returns the reasons for which a pod cannot be made safe and is refused.
package inject
