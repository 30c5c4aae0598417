// Package translog decides what a node's transparency log is made of: checkpoints, proofs and tiles in the forms of C2SP, which of the
// bytes at the end of a file were never acknowledged, and what an auditor finds wrong with a log.
package translog
