// Package names is a CoreDNS plugin that answers names to the pods of single guests, from a ConfigMap that data-space-controller writes. It asks no
// server: a question for such a name leaves the cluster in no form. What the ConfigMap does not grant to the guest of the pod that asks is passed on.
package names
