package startgate

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"data-space.liqo.io/pkg/decisions/seccomp"
)

// ProfileFolder is where the node's kubelet looks for seccomp profiles.
type ProfileFolder interface {
	// Put makes the file hold the text, and reports whether it did not before.
	Put(name string, text []byte) (changed bool, err error)
}

// Profile is the seccomp profile that every container of a foreign pod names. It is a gate of its own: a node on which it is
// missing can create none of these containers.
type Profile struct {
	Folder ProfileFolder
	Name   string
	Text   []byte

	state atomic.Pointer[placing]
}

// NewProfile returns the profile for programs of this processor's architecture, to be kept in the folder.
func NewProfile(folder ProfileFolder) (*Profile, error) {
	name, err := seccomp.Name()
	if err != nil {
		return nil, err
	}
	text, err := seccomp.Here().JSON()
	return &Profile{Folder: folder, Name: name, Text: text}, err
}

// placing is what the last attempt to put the profile in its place has come to.
type placing struct{ err error }

// Problem is why the profile is not in its place; nil: it is, or none is kept.
func (p *Profile) Problem() error {
	if p == nil {
		return nil
	}
	last := p.state.Load()
	switch {
	case last == nil:
		return errors.New("the seccomp profile is not in its place yet")
	case last.err != nil:
		return fmt.Errorf("the seccomp profile is not in its place: %w", last.err)
	}
	return nil
}

// profilePause is the period of comparing the profile's file.
const profilePause = 5 * time.Second

// keepProfile writes the profile's file after the first gate is in place, and restores it until the context ends or the gate is
// asked to stand down. It does not delete the file then.
func (g *Gate) keepProfile(ctx context.Context) {
	if g.Profile == nil {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-g.firstStands(ctx):
	}
	said, begun := "", false
	for ctx.Err() == nil {
		changed, err := g.Profile.Folder.Put(g.Profile.Name, g.Profile.Text)
		g.Profile.state.Store(&placing{err})
		switch {
		case err != nil && err.Error() != said:
			said = err.Error()
			g.parts.Log.Error("the seccomp profile is not in its place: no container of a foreign pod can be created", "profile", g.Profile.Name, "error", err)
		case err == nil && changed:
			said = ""
			g.parts.Log.Info("the seccomp profile is in its place", "profile", g.Profile.Name, "again", begun)
			begun = true
		}
		pause := profilePause
		if err != nil {
			pause = time.Second
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// firstStands returns a channel that is closed after the first gate is in place; without a first gate, after the agent can
// distinguish foreign pods from others.
func (g *Gate) firstStands(ctx context.Context) <-chan struct{} {
	if g.parts.Chain != nil {
		return g.placed
	}
	ready := make(chan struct{})
	go func() {
		if g.Ready(ctx) {
			close(ready)
		}
	}()
	return ready
}

// Placed reports that the CNI plugin is in the node's chain.
func (g *Gate) Placed() { g.placedOnce.Do(func() { close(g.placed) }) }
