// Package apiwire decodes the parts of Kubernetes' protobuf messages that NetworkPolicy needs: of a pod some two hundred
// bytes out of several thousand. It allocates nothing for the rest, and shares label maps, ports and node names between
// pods. A message that is not well-formed, or in which a needed field has an unexpected type, is an error: a missed label
// would be a wrong policy.
package apiwire
