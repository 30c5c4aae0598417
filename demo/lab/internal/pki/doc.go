// Package pki makes the certificates of a throw-away cluster: one authority, and what it signs.
package pki
