// Package metricsauth lets those read a program's metrics over HTTPS whom the API server authenticates by their token (TokenReview) and allows
// to (SubjectAccessReview).
package metricsauth
