//go:build tools

// Package h2spec pins the client of test/transparent that tries the edges of HTTP/2.
package h2spec

import _ "github.com/summerwind/h2spec/cmd/h2spec"
