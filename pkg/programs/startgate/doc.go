// Package startgate holds pods' starts until their rules stand: it answers the CNI plugin, handles the container runtime's
// announcements (NRI), keeps the seccomp profile in its place, and vouches for the node while all of that works.
package startgate
