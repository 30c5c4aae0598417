// Package claims holds the demo's claims about the running cluster: what is expected, and how it is observed. The
// walk-through (demo/walkthrough) and the lab's tests run the same claims, on the cluster that World deploys to.
package claims
