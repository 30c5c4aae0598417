package netns

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/containernetworking/plugins/pkg/ns"
	"golang.org/x/sys/unix"
)

// Scratch creates a network namespace without a name; Close deletes it. Needs CAP_SYS_ADMIN.
func Scratch() (made *Namespace, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		made, err = scratch()
	}()
	<-done
	if err != nil {
		return nil, fmt.Errorf("make a scratch network namespace: %w", err)
	}
	return made, nil
}

// scratch runs on a goroutine of its own. The thread that makes the namespace must come back to where it was: if it
// cannot, it stays locked, and so dies with the goroutine and never serves another.
func scratch() (*Namespace, error) {
	runtime.LockOSThread()
	origin, err := ns.GetCurrentNS()
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer origin.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	made, openErr := Open(threadPath)
	if err := origin.Set(); err != nil {
		if openErr == nil {
			openErr = made.Close()
		}
		return nil, errors.Join(err, openErr)
	}
	runtime.UnlockOSThread()
	return made, openErr
}
