package facts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/agentapi"
)

// rotation is a request for another key, answered once.
type rotation struct {
	answer chan<- agentapi.Rotated
	err    chan<- error
}

// Rotate makes another key for the log of the node, and one for each guest's log that is open.
func (e *Emitter) Rotate(ctx context.Context) (all []agentapi.Rotated, err error) {
	takers := []chan rotation{e.rotations}
	if e.guests != nil {
		takers = append(takers, e.guests.rotations)
	}
	for _, taker := range takers {
		answers, failed := make(chan agentapi.Rotated, 1), make(chan error, 1)
		select {
		case taker <- rotation{answers, failed}:
		case <-ctx.Done():
			return all, ctx.Err()
		}
		for answer := range answers {
			all = append(all, answer)
		}
		if err := <-failed; err != nil {
			return all, fmt.Errorf("rotate the key: %w", err)
		}
	}
	return all, nil
}

// rotate answers a request with the new keys of logs, by guest.
func (r rotation) rotate(logs map[string]*factlog.Log) {
	var problems []error
	for guest, l := range logs {
		key, err := l.Rotate(time.Now())
		if problems = append(problems, err); err == nil {
			r.answer <- agentapi.Rotated{Guest: guest, Key: key}
		}
	}
	close(r.answer)
	r.err <- errors.Join(problems...)
}

// opened returns the logs that are open.
func (g *GuestLogs) opened() map[string]*factlog.Log {
	logs := map[string]*factlog.Log{}
	for guest, l := range g.logs {
		logs[guest] = l.log
	}
	return logs
}

// answerRotate rotates for a client of the node's socket, which is root's.
func (e *Emitter) answerRotate(w http.ResponseWriter, r *http.Request) {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || local.Network() != "unix" {
		http.Error(w, "keys are rotated on the node: agent record rotate", http.StatusForbidden)
		return
	}
	all, err := e.Rotate(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(all) // the client has gone
}

// AskToRotate has the agent that listens at a socket rotate its keys, and prints the new public ones.
func AskToRotate(ctx context.Context, w io.Writer, socket string) error {
	var all []agentapi.Rotated
	if err := localsock.Ask(ctx, socket, http.MethodPost, agentapi.RotatePath, &all); err != nil {
		return fmt.Errorf("no key is rotated (--status-socket names another socket; it takes root): %w", err)
	}
	for _, r := range all {
		fmt.Fprintln(w, r.Key)
	}
	return nil
}
