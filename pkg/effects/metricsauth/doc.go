// Package metricsauth serves a program's metrics over HTTPS to users whom the API server authenticates by their token (TokenReview) and
// authorizes (SubjectAccessReview).
package metricsauth
