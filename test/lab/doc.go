// Package lab runs the demo's claims, upgrades, the leak suite and ordinary work as tests, on the lab that is up. Run it so:
// go run ./demo/lab exec -- go test -tags lab ./test/lab
package lab
