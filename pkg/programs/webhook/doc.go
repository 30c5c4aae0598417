// Package webhook is the admission webhook: it asks package inject about every pod that is created in a foreign namespace
// and keeps the certificate it serves with.
package webhook
