// Package pki makes the certificate authority of a throw-away cluster and the certificates that it signs.
package pki
