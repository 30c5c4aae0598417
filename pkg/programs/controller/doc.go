// Package controller keeps the ConfigMap and the NetworkPolicy of every foreign namespace, the resolver's configuration, and
// the labels of enforced nodes. It restores its objects when they change, and deletes them when a namespace stops being
// foreign.
package controller
