package ordinary

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"data-space.liqo.io/test/accept"
)

// The ports of the server.
const (
	PortHTTP = 9001 // /healthz, /bulk?bytes=N, /sum (answers the number of bytes it was sent)
	PortEcho = 9002 // TCP: says what it hears, until the other side ends
	PortGRPC = 9003 // grpc.health.v1
)

// Serve serves all ports until its input ends.
func Serve(input io.Reader) error {
	echo, err := net.Listen("tcp", fmt.Sprintf(":%d", PortEcho))
	if err != nil {
		return err
	}
	calls, err := net.Listen("tcp", fmt.Sprintf(":%d", PortGRPC))
	if err != nil {
		return err
	}
	site, err := net.Listen("tcp", fmt.Sprintf(":%d", PortHTTP))
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	failed := make(chan error, 3)
	go func() { failed <- accept.Each(echo, func(c net.Conn) { _, _ = io.Copy(c, c) }) }()
	go func() { failed <- server.Serve(calls) }()
	go func() { failed <- http.Serve(site, handler()) }() //nolint:gosec // a test's server
	go func() {
		_, _ = io.Copy(io.Discard, input)
		failed <- nil
	}()
	return <-failed
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/bulk", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.ParseInt(r.URL.Query().Get("bytes"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_, _ = io.CopyN(w, &pattern{}, n)
	})
	mux.HandleFunc("/sum", func(w http.ResponseWriter, r *http.Request) {
		n, sum, err := digest(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%d %x", n, sum)
	})
	return mux
}

// pattern is an endless stream that is not the same everywhere.
type pattern struct{ at uint32 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		p.at = p.at*1664525 + 1013904223
		b[i] = byte(p.at >> 24)
	}
	return len(b), nil
}

var errDiffers = errors.New("what came is not what was sent")
