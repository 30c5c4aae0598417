//go:build api

package proxy

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The API server bounds the bodies of requests that pass: a ConfigMap at 1 MiB, a body at 3 MiB.
func TestALargeBodyIsTheAPIServersToAccept(t *testing.T) {
	w := newWorld(t)
	proxied, direct := w.pharma(t)
	const path = "/api/v1/namespaces/pharma-a/configmaps"
	for name, c := range map[string]struct{ size, want int }{
		"large-body-1": {1000 << 10, http.StatusCreated}, "large-body-2": {1536 << 10, http.StatusUnprocessableEntity}, "large-body-3": {4 << 20, http.StatusRequestEntityTooLarge},
	} {
		body := fmt.Sprintf(`{"metadata":{"name":%q},"data":{"a":%q}}`, name, strings.Repeat("x", c.size))
		header := http.Header{"Content-Type": {"application/json"}}
		code, _, ours := send(t, proxied, "POST", path, header, strings.NewReader(body))
		require.Equal(t, c.want, code, "%s: %.300s", name, ours)
		if code == http.StatusCreated {
			code, _, read := send(t, proxied, "GET", path+"/"+name, nil, nil)
			require.Equal(t, http.StatusOK, code)
			require.Contains(t, read, strings.Repeat("x", c.size))
			code, _, _ = send(t, proxied, "DELETE", path+"/"+name, nil, nil)
			require.Equal(t, http.StatusOK, code)
			continue
		}
		_, _, theirs := send(t, direct, "POST", path, header, strings.NewReader(body))
		require.Equal(t, theirs, ours)
	}
}

// kubectl cp is a stream of a command's input and output.
func TestManyBytesPassByAStreamWhole(t *testing.T) {
	w := newWorld(t)
	w.kubelet(t)
	proxied, _ := w.pharma(t)
	c := w.dial(t, proxied)
	require.NoError(t, c.SetDeadline(time.Now().Add(5*waitLong))) // a busy machine may need a while for as many bytes
	fmt.Fprint(c, "POST /api/v1/namespaces/pharma-a/pods/streams/exec?container=c&command=tar&stdin=true&stdout=true HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
	in := bufio.NewReader(c)
	code, _ := answered(t, in)
	require.Equal(t, http.StatusSwitchingProtocols, code)
	const size = 50 << 20
	sent, written := sha256.New(), make(chan error, 1)
	go func() {
		_, err := io.CopyN(io.MultiWriter(sent, c), rand.Reader, size)
		written <- err
	}()
	back := sha256.New()
	n, err := io.CopyN(back, in, size)
	require.NoError(t, err, "%d bytes came back", n)
	require.NoError(t, <-written)
	require.Equal(t, sent.Sum(nil), back.Sum(nil))
}
