package nodeinstall

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

// answerTimeout bounds the exchange with the gate.
const answerTimeout = 10 * time.Second

// standDown asks the agent that listens at the gate's socket to keep the CNI plugin in its place no longer. stood is
// false if no agent listens there, which could put the plugin back.
func standDown(ctx context.Context, socket string) (stood bool, err error) {
	conn, err := localsock.Dial(ctx, socket)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask the agent to stand down: %w", err)
	}
	defer conn.Close()
	line, err := gate.Encode(gate.Request{Version: gate.Version, Op: gate.StandDown})
	if err != nil {
		return false, err
	}
	if err := conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return false, fmt.Errorf("ask the agent to stand down: %w", err)
	}
	if _, err := conn.Write(line); err != nil {
		return false, fmt.Errorf("ask the agent to stand down: %w", err)
	}
	reply, err := bufio.NewReader(io.LimitReader(conn, gate.MaxAnswer)).ReadBytes('\n')
	if err != nil {
		return false, fmt.Errorf("the agent does not confirm that it stands down: %w", err)
	}
	answer, err := gate.DecodeAnswer(reply)
	if err == nil && answer.Verdict != gate.Pass {
		err = fmt.Errorf("the agent does not stand down: %s", answer.Message)
	}
	return err == nil, err
}

// removeTraces removes files and folders of the agent's, and then the folders that they were in if nothing else is there.
// Files of other programs in those folders stay. The mount point of a volume stays as well: the volume's owner unmounts it.
func removeTraces(paths ...string) error {
	for _, p := range paths {
		if err := os.RemoveAll(p); err != nil {
			return fmt.Errorf("remove what the agent left on the node: %w", err)
		}
	}
	for _, p := range paths {
		err := os.Remove(filepath.Dir(p))
		for _, fine := range []error{nil, fs.ErrNotExist, syscall.ENOTEMPTY, syscall.EBUSY, syscall.EROFS} {
			if errors.Is(err, fine) {
				err = nil
			}
		}
		if err != nil {
			return fmt.Errorf("remove the folder of what the agent left on the node: %w", err)
		}
	}
	return nil
}
