// Package probe is the demo's hostile tenant: from inside a foreign pod it tries to reach addresses without the pod's proxy,
// and prints one line per attempt. What really left the pod is judged by a capture outside, never by these lines.
package probe
