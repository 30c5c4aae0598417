// Package record decides what of a container's log becomes a line of a guest's record, how much of it at a time, and which
// parts of the record are removed first when it is full.
package record
