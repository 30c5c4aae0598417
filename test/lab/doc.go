// Package lab runs the demo's claims, upgrades, the leak suite and ordinary work as tests, on the lab that is up. Run it so:
// go run ./test/cluster exec -- go test -tags lab ./test/lab
package lab
