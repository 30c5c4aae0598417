// Package accept serves the connections of a listener, for the tests' servers and for programs that tests run beside them.
package accept

import "net"

// Each calls serve in a goroutine of its own for each connection, and closes the connection when serve returns. It returns only with an error,
// which is net.ErrClosed once the listener is closed.
func Each(l net.Listener, serve func(c net.Conn)) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}
