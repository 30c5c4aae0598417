package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/gate"
)

// StandDown tells the agent that listens at the gate's socket to keep the CNI plugin in its place no longer. stood is
// false if no agent listens there: nobody is going to put the plugin back.
func StandDown(ctx context.Context, socket string) (stood bool, err error) {
	conn, err := localsock.Dial(ctx, socket)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("tell the agent to stand down: %w", err)
	}
	defer conn.Close()
	line, err := gate.Encode(gate.Request{Version: gate.Version, Op: gate.StandDown})
	if err != nil {
		return false, err
	}
	if err := conn.SetDeadline(time.Now().Add(callAllowance)); err != nil {
		return false, fmt.Errorf("tell the agent to stand down: %w", err)
	}
	if _, err := conn.Write(line); err != nil {
		return false, fmt.Errorf("tell the agent to stand down: %w", err)
	}
	reply, err := bufio.NewReader(io.LimitReader(conn, gate.MaxAnswer)).ReadBytes('\n')
	if err != nil {
		return false, fmt.Errorf("the agent does not say that it stands down: %w", err)
	}
	answer, err := gate.DecodeAnswer(reply)
	if err == nil && answer.Verdict != gate.Pass {
		err = fmt.Errorf("the agent does not stand down: %s", answer.Message)
	}
	return err == nil, err
}

// RemoveTraces removes the list of namespaces, and its folder if nothing else is in it.
func RemoveTraces(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the list of namespaces: %w", err)
	}
	err := os.Remove(filepath.Dir(file))
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EBUSY) {
		return nil // EBUSY: a volume's mount point; the folder itself is the node's
	}
	return fmt.Errorf("remove the folder of the list of namespaces: %w", err)
}
