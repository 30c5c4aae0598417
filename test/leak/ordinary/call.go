package ordinary

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	bulk     = 100 << 20
	parallel = 1000
	patience = 60 * time.Second
)

// Kinds are what a client can be asked to do, each to the host of a server.
func Kinds() []string {
	return []string{"get", "download", "upload", "stream", "half-close", "keep-alive", "parallel", "slow"}
}

// Call does one kind of work with the server on a host, and says what was wrong.
func Call(kind, host string) error {
	site := "http://" + net.JoinHostPort(host, fmt.Sprint(PortHTTP))
	echo := net.JoinHostPort(host, fmt.Sprint(PortEcho))
	call, known := map[string]func() error{
		"get":        func() error { return get(http.DefaultClient, site) },
		"download":   func() error { return download(site) },
		"upload":     func() error { return upload(site) },
		"stream":     func() error { return stream(echo) },
		"half-close": func() error { return halfClose(echo) },
		"keep-alive": func() error { return keepAlive(site) },
		"parallel":   func() error { return together(echo) },
		"slow":       func() error { return slow(echo) },
		"dial":       func() error { return dial(echo) },
	}[kind]
	if !known {
		return fmt.Errorf("no work is called %q", kind)
	}
	return call()
}

func dial(address string) error {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

func get(client *http.Client, site string) error {
	response, err := client.Get(site + "/healthz")
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return errors.Join(err, response.Body.Close())
}

func digest(r io.Reader) (int64, []byte, error) {
	hash := sha256.New()
	n, err := io.Copy(hash, r)
	return n, hash.Sum(nil), err
}

// expected is the digest of the first n bytes of the pattern.
func expected(n int64) []byte {
	_, sum, _ := digest(io.LimitReader(&pattern{}, n))
	return sum
}

func download(site string) error {
	response, err := http.Get(fmt.Sprintf("%s/bulk?bytes=%d", site, bulk))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	n, sum, err := digest(response.Body)
	if err == nil && !bytes.Equal(sum, expected(bulk)) {
		err = fmt.Errorf("%w: %d bytes", errDiffers, n)
	}
	return err
}

func upload(site string) error {
	response, err := http.Post(site+"/sum", "application/octet-stream", io.LimitReader(&pattern{}, bulk))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if want := fmt.Sprintf("%d %x", bulk, expected(bulk)); err == nil && string(said) != want {
		err = fmt.Errorf("%w: %s", errDiffers, said)
	}
	return err
}

func open(address string) (*net.TCPConn, error) {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	stream, ok := c.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(errors.New("no TCP"), c.Close())
	}
	return stream, stream.SetDeadline(time.Now().Add(patience))
}

// stream sends much over bare TCP and hears it again.
func stream(address string) error {
	c, err := open(address)
	if err != nil {
		return err
	}
	defer c.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := io.CopyN(c, &pattern{}, bulk)
		sent <- errors.Join(err, c.CloseWrite())
	}()
	n, sum, err := digest(c)
	if err == nil && !bytes.Equal(sum, expected(bulk)) {
		err = fmt.Errorf("%w: %d bytes", errDiffers, n)
	}
	return errors.Join(err, <-sent)
}

// halfClose ends its own side and still hears the rest. It speaks before: a client that ends at once waits for its answer (RULES.md,
// ds-early-end).
func halfClose(address string) error {
	c, err := open(address)
	if err != nil {
		return err
	}
	defer c.Close()
	text := "\x00\x01\x02\x03 these are my last words"
	if err := exchange(c, "\x00\x01\x02\x03 hello"); err != nil {
		return err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	heard, err := io.ReadAll(c)
	if err == nil && string(heard) != text {
		err = fmt.Errorf("%w: %q", errDiffers, heard)
	}
	return err
}

// keepAlive uses one connection again and again, with a pause.
func keepAlive(site string) error {
	dialed := 0
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed++
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}}
	for i := range 50 {
		if err := get(client, site); err != nil {
			return err
		}
		if i%25 == 24 {
			time.Sleep(2 * time.Second)
		}
	}
	if dialed != 1 {
		return fmt.Errorf("%d connections for 50 requests", dialed)
	}
	return nil
}

// together holds many connections open at one time, and each of them works.
func together(address string) error {
	var group sync.WaitGroup
	failed := make(chan error, parallel)
	ready := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Add(parallel)
	for i := range parallel {
		group.Go(func() {
			c, err := open(address)
			if err == nil {
				defer c.Close()
				err = exchange(c, fmt.Sprintf("\x00\x01\x02\x03 connection %04d", i))
			}
			waiting.Done()
			<-ready
			if err == nil {
				err = exchange(c, "\x00 once more")
			}
			failed <- err
		})
	}
	waiting.Wait()
	close(ready)
	group.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("%d of %d failed, the first: %w", len(errs), parallel, errs[0])
	}
	return nil
}

func exchange(c io.ReadWriter, text string) error {
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	heard := make([]byte, len(text))
	if _, err := io.ReadFull(c, heard); err != nil {
		return err
	}
	if string(heard) != text {
		return errDiffers
	}
	return nil
}

// slow is a connection with long pauses.
func slow(address string) error {
	c, err := open(address)
	if err != nil {
		return err
	}
	defer c.Close()
	for range 3 {
		if err := exchange(c, "\x00\x01 still here"); err != nil {
			return err
		}
		time.Sleep(3 * time.Second)
	}
	return nil
}
