// Package names is a CoreDNS plugin that answers names to the pods of single guests, from a ConfigMap that data-space-controller writes. It asks no
// server, so no question for such a name leaves the cluster. If the ConfigMap does not grant a name to the guest of the pod that asks, the next plugin
// gets the question.
package names
