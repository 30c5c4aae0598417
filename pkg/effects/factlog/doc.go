// Package factlog keeps the transparency log of a node in a folder: lines in segments, hashes in chunks, a signed checkpoint and the key
// that signs it.
package factlog
