//go:build kernel

package transparent

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// seen is what the two ends of an exchange received.
type seen struct{ server, client string }

const (
	// still is how long an end waits for a byte that should come.
	still = 3 * time.Second
	// pause is how long a server waits for the end of a request that it may not recognise.
	pause = 500 * time.Millisecond
	// more is how long an end waits for what should not come.
	more = 200 * time.Millisecond
	// end marks the end of the stream, where the exchange has the server close.
	end = "<end>"
)

// patience is how many times as long as usual the ends of an exchange wait.
type patience int

func (p patience) of(wait time.Duration) time.Duration { return time.Duration(p) * wait }

// serve answers the one connection to an exchange's port, and hands over what it received.
func (e exchange) serve(c net.Conn, got chan<- string, times patience) {
	received, pieces := "", strings.Split(e.response, piece)
	trigger := e.after
	if trigger == "" {
		trigger = "\r\n\r\n"
	}
	buf, began := make([]byte, 64<<10), time.Now()
	for sent, wait := 0, times.of(pause); ; {
		_ = c.SetReadDeadline(time.Now().Add(wait))
		n, err := c.Read(buf)
		received += string(buf[:n])
		if err != nil && received == "" && (!isTimeout(err) || time.Since(began) > times.of(still)) {
			break
		}
		if received == "" {
			continue
		}
		// The proxy may have changed the bytes that end the request: after a pause it has come as well.
		if sent < len(pieces) && (err != nil || strings.Count(received, trigger) > sent) {
			_, _ = io.WriteString(c, pieces[sent])
			sent++
			if e.closes {
				break
			}
			continue
		}
		if err != nil {
			break
		}
		if sent == len(pieces) {
			wait = times.of(2 * pause) // whatever else comes
		}
	}
	got <- received
}

// ask sends the request and returns what came back.
func (e exchange) ask(from *place, address string, times patience) string {
	c, err := from.dial(address)
	if err != nil {
		return "no connection: " + err.Error()
	}
	defer c.Close()
	_, _ = io.WriteString(c, e.request) // an error shows in what comes back
	received, want := "", len(strings.ReplaceAll(e.response, piece, ""))
	buf := make([]byte, 64<<10)
	for {
		wait := times.of(still)
		if !e.closes && len(received) >= want {
			wait = times.of(more)
		}
		_ = c.SetReadDeadline(time.Now().Add(wait))
		n, err := c.Read(buf)
		received += string(buf[:n])
		if err == nil {
			continue
		}
		if e.closes && !isTimeout(err) {
			received += end
		}
		return received
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// settled runs all exchanges and returns what the ends of each received. Those that are not right are run again, with ends that wait longer: a
// machine that is busy can make an end wait for longer than it does.
func settled(from, to *place, base int, all []exchange, right func(exchange, seen) bool) map[string]seen {
	last := map[string]seen{}
	for _, times := range []patience{1, 3, 6} {
		var again []exchange
		for i, got := range run(from, to, base, all, times) {
			last[all[i].name] = got
			if right(all[i], got) {
				continue
			}
			if os.Getenv("SHOW") != "" {
				fmt.Printf("== %s %s\n  %.300q\n  %.300q\n  %.300q\n  %.300q\n", from.name, all[i].name, all[i].request, got.server, all[i].sent(), got.client)
			}
			again = append(again, all[i])
		}
		if all = again; len(all) == 0 {
			break
		}
	}
	return last
}

// untouched reports whether each end of an exchange received every byte that the other sent, and no other.
func untouched(e exchange, got seen) bool { return got == seen{e.request, e.sent()} }

// run makes all exchanges from one pod to another, each to a port of its own from base on.
func run(from, to *place, base int, all []exchange, times patience) []seen {
	results := make([]seen, len(all))
	var group sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i, e := range all {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			got := make(chan string, 10)
			stop := to.listen(base+i, func(c net.Conn) { e.serve(c, got, times) })
			defer stop()
			results[i].client = e.ask(from, net.JoinHostPort(to.v4.String(), strconv.Itoa(base+i)), times)
			select {
			case results[i].server = <-got:
			case <-time.After(times.of(still)):
			}
		})
	}
	group.Wait()
	return results
}
