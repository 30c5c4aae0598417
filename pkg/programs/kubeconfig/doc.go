// Package kubeconfig writes kubeconfigs for callers of the API proxy: with a new client certificate, or with the credentials of a kubeconfig
// that is there.
package kubeconfig
