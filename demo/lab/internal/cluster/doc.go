// Package cluster brings the lab up, looks at it and takes it down.
package cluster
