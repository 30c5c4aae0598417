// Package webhook is the admission webhook: it asks packages admit and inject about every pod that is created in a foreign
// namespace, and package admit about all else there that could open a way past the proxy; and it keeps the certificate it
// serves with.
package webhook
