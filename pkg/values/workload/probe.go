package workload

import "time"

// Probe is a check of a pod by the kubelet that calls one of the pod's ports.
type Probe struct {
	Port         uint16
	Method, Path string        // of the request; empty: the connection alone is recorded, of TCP and TLS
	Period       time.Duration // between two calls
}
