package cniplugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/gate"
)

// dialTimeout bounds the connection to a local socket: it takes no time, unless the agent accepts nothing more.
const dialTimeout = time.Second

// errAway: no agent answered.
var errAway = errors.New("the agent does not answer")

// ask puts the question to the agent. errors.Is errAway if there was no answer at all; an agent that began to work on
// the pod and then fell silent is another error, for the pod is foreign then.
func ask(ctx context.Context, socket string, r gate.Request) (gate.Answer, error) {
	r.Version = gate.Version
	line, err := gate.Encode(r)
	if err != nil {
		return gate.Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := localsock.Dial(ctx, socket)
	if err != nil {
		return gate.Answer{}, fmt.Errorf("%w: %w", errAway, err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(dialTimeout)); err != nil {
		return gate.Answer{}, fmt.Errorf("%w: %w", errAway, err)
	}
	if _, err := conn.Write(line); err != nil {
		return gate.Answer{}, fmt.Errorf("%w: %w", errAway, err)
	}
	answers := bufio.NewReader(io.LimitReader(conn, 2*gate.MaxAnswer))
	answer, err := next(conn, answers, gate.Decision)
	if err != nil {
		return gate.Answer{}, fmt.Errorf("%w: %w", errAway, err)
	}
	if answer.Final() {
		return answer, nil
	}
	answer, err = next(conn, answers, gate.Enforcement)
	if err == nil && !answer.Final() {
		err = errors.New("it said so twice")
	}
	if err != nil {
		return gate.Answer{}, fmt.Errorf("the agent began to enforce the pod and did not say that it has: %w", err)
	}
	return answer, nil
}

func next(conn net.Conn, from *bufio.Reader, patience time.Duration) (gate.Answer, error) {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return gate.Answer{}, err
	}
	line, err := from.ReadBytes('\n')
	if err != nil {
		return gate.Answer{}, fmt.Errorf("read its answer: %w", err)
	}
	return gate.DecodeAnswer(line)
}
