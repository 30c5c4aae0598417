// Package webhook tests the webhook's binary against a real API server, with the manifests and rights it is deployed with.
package webhook
