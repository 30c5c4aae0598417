package apiproxy

import (
	"context"
	"sync"
)

// mostHeld bounds lists by which watches know what their callers have seen, of all guests at a time; one of each guest.
const mostHeld = 3

// lines let one request of each guest at a time do what takes much memory, and a number of all guests'. A guest that asks for much waits for
// itself first. It is safe for concurrent use.
type lines struct {
	all chan struct{}
	mu  sync.Mutex
	of  map[string]*line
}

// line is that of one guest.
type line struct {
	turn  chan struct{}
	users int // who have the turn or wait for it
}

func newLines(most int) *lines { return &lines{all: make(chan struct{}, most), of: map[string]*line{}} }

// begin waits for a guest's turn. Who has it ends it; ending it twice does nothing.
func (l *lines) begin(ctx context.Context, guest string) (end func(), err error) {
	own := l.join(guest)
	if err := take(ctx, own.turn); err != nil {
		l.leave(guest)
		return nil, err
	}
	if err := take(ctx, l.all); err != nil {
		<-own.turn
		l.leave(guest)
		return nil, err
	}
	return sync.OnceFunc(func() {
		<-l.all
		<-own.turn
		l.leave(guest)
	}), nil
}

func take(ctx context.Context, turn chan<- struct{}) error {
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *lines) join(guest string) *line {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[guest] == nil {
		l.of[guest] = &line{turn: make(chan struct{}, 1)}
	}
	l.of[guest].users++
	return l.of[guest]
}

func (l *lines) leave(guest string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of[guest].users--; l.of[guest].users == 0 {
		delete(l.of, guest)
	}
}
