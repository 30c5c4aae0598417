// Package logfollow reads the log files of a container below the node's log folder while they are written: through the
// kubelet's rotation, the container's restarts and the removal of the files, which it holds open.
package logfollow
