// Package apiwire decodes from Kubernetes' protobuf messages the fields that NetworkPolicy needs: some two hundred bytes of
// a pod's several thousand. It allocates nothing for the rest, and shares label maps, ports and node names between pods. A
// message that is not well-formed, or in which a needed field has an unexpected type, is an error: a missed label would be a
// wrong policy.
package apiwire
