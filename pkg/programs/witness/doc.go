// Package witness cosigns the checkpoints of nodes' logs of facts: of each log it cosigns only what continues that which it cosigned before,
// so that a log that was rewritten has no new cosignature. It runs where those who write the logs have no access.
package witness
