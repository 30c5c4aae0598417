package netns

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Scratch makes a network namespace that nobody else knows; it is gone with Close. Needs CAP_SYS_ADMIN.
func Scratch() (made *Namespace, err error) {
	// The thread that makes it must come back to where it was; if it cannot, it stays locked and dies with its goroutine.
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

func scratch() (*Namespace, error) {
	runtime.LockOSThread()
	origin, err := ns.GetCurrentNS()
	if err != nil {
		return nil, err
	}
	defer origin.Close() //nolint:errcheck // read-only file
	handle, err := netns.New()
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer handle.Close() //nolint:errcheck // read-only file
	made, openErr := Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err := origin.Set(); err != nil {
		return nil, errors.Join(err, openErr)
	}
	runtime.UnlockOSThread()
	return made, openErr
}
