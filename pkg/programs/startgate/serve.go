package startgate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"data-space.liqo.io/pkg/effects/fault"
	"data-space.liqo.io/pkg/values/gate"
)

const (
	gateConnections = 256                    // pods of the node that start at the same time; more wait to be accepted
	gateReading     = 2 * time.Second        // for a request to arrive, and for an answer to be taken
	gatePause       = 100 * time.Millisecond // after a failure to accept a connection
)

// serve answers until the context ends; then it lets the answers under way be given.
func (g *Gate) serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() }) // which is the only way to end Accept
	defer stop()
	var busy sync.WaitGroup
	defer busy.Wait()
	slots := make(chan struct{}, gateConnections)
	for {
		slots <- struct{}{}
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("the gate: %w", err)
		case err != nil: // no file descriptor or no memory is left, for now
			g.parts.Log.Error("cannot accept a connection of the CNI plugin; the plugin decides by the list of namespaces on the node", "error", err)
			<-slots
			time.Sleep(gatePause)
			continue
		}
		busy.Go(func() {
			defer func() { <-slots }()
			defer conn.Close()
			g.talk(ctx, conn)
		})
	}
}

// talk is one conversation with the plugin. A request that cannot be read gets no answer: the plugin then judges by itself.
func (g *Gate) talk(ctx context.Context, conn net.Conn) {
	started := time.Now()
	request, err := receive(conn)
	if err != nil {
		g.parts.Log.Warn("the gate was asked something that it does not understand", "error", err)
		return
	}
	fault.At(fault.Asked)
	answer := g.Answer(ctx, request, func() error { return send(conn, gate.Answer{Verdict: gate.Working}) })
	if err := send(conn, answer); err != nil {
		g.parts.Log.Debug("the gate's answer was not taken", "namespace", request.Namespace, "pod", request.Name, "error", err)
	}
	fault.At(fault.Answered)
	g.metrics.took(request.Op, answer, time.Since(started))
}

func receive(conn net.Conn) (gate.Request, error) {
	if err := conn.SetReadDeadline(time.Now().Add(gateReading)); err != nil {
		return gate.Request{}, err
	}
	line, err := bufio.NewReader(io.LimitReader(conn, gate.MaxRequest)).ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(line) == gate.MaxRequest {
		return gate.Request{}, fmt.Errorf("request of more than %d bytes", gate.MaxRequest)
	}
	if err != nil {
		return gate.Request{}, fmt.Errorf("read request: %w", err)
	}
	return gate.DecodeRequest(line)
}

func send(conn net.Conn, a gate.Answer) error {
	a.Version = gate.Version
	line, err := gate.Encode(a)
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(gateReading)); err != nil {
		return err
	}
	_, err = conn.Write(line)
	return err
}
