// Package controller keeps every foreign namespace guarded: the proxy's configuration and the NetworkPolicy are there,
// are as decided, and go when the namespace stops being foreign.
package controller
