// Package apiaudit turns a request that the API proxy took into what is kept of it: an event of audit.k8s.io, and a fact. Both have who asked for
// what and how it was answered, never a query, a header, a token or a body, and each text in them is bounded.
package apiaudit
