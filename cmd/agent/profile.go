package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"data-space.liqo.io/pkg/decisions/seccomp"
	"data-space.liqo.io/pkg/effects/seccompfile"
	"data-space.liqo.io/pkg/programs/startgate"
)

// profile is the seccomp profile that the agent keeps on its node; nil with --kubelet-dir=off.
func (n node) profile() (*startgate.Profile, error) {
	if n.gate.kubelet == gateOff {
		return nil, nil //nolint:nilnil // none is kept
	}
	folder, err := seccompfile.Open(n.gate.kubelet, volatile(n.state))
	if err != nil {
		return nil, fmt.Errorf("--kubelet-dir=%w; name the right one, or give off, with the webhook's --seccomp-profile=RuntimeDefault", err)
	}
	name, err := seccomp.Name()
	if err != nil {
		return nil, err
	}
	text, err := seccomp.Here().JSON()
	return &startgate.Profile{Folder: folder, Name: name, Text: text}, err
}

// volatile is the folder of profiles, beside what else need not outlive the boot.
func volatile(state string) string { return filepath.Join(filepath.Dir(state), "seccomp") }

// removeProfiles removes what profile has put on the node.
func removeProfiles(kubelet, state string) error {
	if kubelet == gateOff {
		return nil
	}
	folder, err := seccompfile.Open(kubelet, volatile(state))
	if errors.Is(err, seccompfile.ErrNoKubelet) {
		return nil
	}
	if err != nil {
		return err
	}
	return folder.Remove(seccomp.Folder)
}
