// Command follower is the module of Envoy that reads along: a filter for connections that stands before tcp_proxy, passes each byte on unchanged, and
// writes the lines of package follow to the proxy's stderr. A request's beginning is written before any byte of its answer goes on.
//
//	go build -buildmode=c-shared -o libfollower.so ./build/envoy/follower
//
// It needs a C compiler. No proxy uses it yet (docs/adr/0039).
package main
