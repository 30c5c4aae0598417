// Package transparent compares what clients and servers see with the proxy between them and without it: the same bytes, and
// the same programs, from an ordinary pod and from a foreign one, with the real rules and the real Envoy.
package transparent
