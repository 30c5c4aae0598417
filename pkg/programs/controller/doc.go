// Package controller keeps the ConfigMap and the NetworkPolicy of every foreign namespace, and the resolver's configuration. It restores its
// objects when they change, and deletes them when a namespace stops being foreign.
package controller
