// Package apiproxy is the API proxy: it stands before the API server and shows each caller the cluster-scoped objects that are the caller's.
package apiproxy
