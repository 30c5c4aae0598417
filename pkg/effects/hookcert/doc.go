// Package hookcert keeps the serving certificate of an admission webhook: it is made and renewed in a Secret, trusted in the webhook
// configurations, and followed by each replica, without a moment in which the API server trusts another one.
package hookcert
