// Package logfollow reads a container's log files while they are written, through rotation, restarts and deletion. It holds
// the files open, so that a deleted file is read to its end.
package logfollow
