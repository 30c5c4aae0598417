// Command follower is the module of Envoy that reads along: a filter for connections that stands before tcp_proxy, passes each byte on unchanged, and
// writes the lines of package follow to the proxy's stderr. A request's beginning is written before any byte of its answer goes on.
//
//	CGO_ENABLED=1 go build -buildmode=c-shared -trimpath -buildvcs=false -ldflags '-s -w -buildid= -extldflags=-Wl,--build-id=none' \
//	  -o libfollower.so ./build/envoy/follower
//
// It needs a C compiler, and runs with a C library (glibc) that is not older than that of the machine on which it was built. The same source, Go and C
// compiler give the same bytes. Proxies of pods have it with --proxy-reader=module (docs/adr/0039).
package main
