// Package scenario is the demo's story as rows: each is a claim about the running cluster, what is expected, and how to
// observe it. The story's command and the lab's tests run the same rows.
package scenario
