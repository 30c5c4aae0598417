// Package webhook is the admission webhook: it decides about each object of a foreign namespace by packages admit, inject,
// limits and withhold.
package webhook
