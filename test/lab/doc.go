// Package lab runs the demo's story as tests, on the lab that is up: go run ./demo/lab exec -- go test -tags lab ./test/lab
package lab
