package xtables

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"

	"data-space.liqo.io/pkg/values/iptables"
)

// Choose returns the backend of a name, or that of the node for "auto", and why it is the one.
func Choose(name string) (Backend, string, error) {
	if name == "auto" {
		backend, reason, err := Detect()
		if err != nil {
			err = fmt.Errorf("%w; name it with --iptables-backend", err)
		}
		return backend, reason, err
	}
	version, err := versionOf(Backend(name))
	return Backend(name), "--iptables-backend names it; its version is " + version, err
}

// Detect returns the backend that this node uses, and by what sign. It reads the network namespace of the caller, which
// must be the node's, and writes nothing: it runs the -save programs only, because others, go-iptables' listing included,
// make the kernel create a table by reading it. A backend whose programs are too old or fail is not chosen.
func Detect() (Backend, string, error) {
	nft, nftErr := look(NFT)
	legacy, legacyErr := look(Legacy)
	switch {
	case nftErr != nil && legacyErr != nil:
		return "", "", fmt.Errorf("neither iptables backend works on this node: %w", errors.Join(nftErr, legacyErr))
	case nftErr == nil && nft.hint != "":
		return NFT, "the kubelet's chain " + nft.hint + " is there", nil
	case legacyErr == nil && legacy.hint != "":
		return Legacy, "the kubelet's chain " + legacy.hint + " is there", nil
	case nftErr != nil:
		return Legacy, "nft does not work: " + nftErr.Error(), nil //nolint:nilerr // the other one does
	case legacyErr == nil && legacy.chains > nft.chains:
		return Legacy, fmt.Sprintf("it holds more chains (%d) than nft (%d)", legacy.chains, nft.chains), nil
	}
	return NFT, "nothing on this node speaks for legacy", nil
}

// look runs the -save programs of one backend in the caller's network namespace, which must be the node's, and counts what they print. They
// create no table.
func look(b Backend) (sight, error) {
	var s sight
	if _, err := versionOf(b); err != nil {
		return sight{}, err
	}
	for _, f := range []iptables.Family{iptables.V4, iptables.V6} {
		name := b.Program(f, "save")
		var complaint bytes.Buffer
		cmd := exec.Command(name)
		cmd.Stderr = &complaint
		text, err := cmd.Output()
		if err != nil {
			return sight{}, failure(name, err, complaint.String(), "")
		}
		s.add(string(text))
	}
	return s, nil
}

// sight is what one backend holds.
type sight struct {
	hint   string
	chains int // own ones: the built-in chains come with any table
}

func (s *sight) add(saved string) {
	for _, chain := range iptables.OwnChains(saved) {
		s.chains++
		if slices.Contains(hints(), chain) {
			s.hint = chain
		}
	}
}

// hints are chains by which the kubelet shows which backend it uses (KEP-3178).
func hints() []string { return []string{"KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY"} }
