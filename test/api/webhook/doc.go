// Package webhook tests the webhook's binary against a real kube-apiserver, with the manifests and rights it is deployed with.
package webhook
