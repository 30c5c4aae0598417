package dataplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	ipt "github.com/coreos/go-iptables/iptables"
)

// Backend is the kernel interface that the iptables programs use: a node should see one of them only.
type Backend string

// The backends, by the names of their programs (xtables-nft(8), xtables-legacy(8)).
const (
	NFT    Backend = "nft"
	Legacy Backend = "legacy"
)

// hints are chains by which the kubelet shows which backend it uses (KEP-3178).
func hints() []string { return []string{"KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY"} }

// Detect says which backend this node uses, and by what sign. It looks at the network namespace of the caller, which
// must be the node's, and writes nothing: the legacy programs are asked only about tables that exist, for a mere look
// makes them create a table.
func Detect() (Backend, string, error) {
	legacyTables, err := existingLegacyTables()
	if err != nil {
		return "", "", err
	}
	nft, nftErr := look(NFT, []string{"mangle", "filter", "nat"})
	legacy, legacyErr := look(Legacy, legacyTables)
	switch {
	case nftErr != nil && legacyErr != nil:
		return "", "", fmt.Errorf("neither iptables backend works on this node: %w", errors.Join(nftErr, legacyErr))
	case nftErr == nil && nft.hint != "":
		return NFT, "the kubelet's chain " + nft.hint + " is there", nil
	case legacyErr == nil && legacy.hint != "":
		return Legacy, "the kubelet's chain " + legacy.hint + " is there", nil
	case nftErr != nil:
		return Legacy, "nft does not work: " + nftErr.Error(), nil
	case legacyErr == nil && legacy.chains > nft.chains:
		return Legacy, fmt.Sprintf("it holds more chains (%d) than nft (%d)", legacy.chains, nft.chains), nil
	}
	return NFT, "nothing on this node speaks for legacy", nil
}

// sight is what one backend holds.
type sight struct {
	hint   string
	chains int
}

func look(b Backend, tables []string) (sight, error) {
	client, err := ipt.New(ipt.Path("iptables-" + string(b)))
	if err != nil {
		return sight{}, fmt.Errorf("iptables-%s: %w", b, err)
	}
	var s sight
	for _, table := range tables {
		chains, err := client.ListChains(table)
		if err != nil {
			return sight{}, fmt.Errorf("iptables-%s: list chains of %s: %w", b, table, err)
		}
		s.chains += len(chains)
		for _, hint := range hints() {
			if slices.Contains(chains, hint) {
				s.hint = hint
			}
		}
	}
	return s, nil
}

func existingLegacyTables() ([]string, error) {
	text, err := os.ReadFile("/proc/net/ip_tables_names")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // ip_tables is not loaded
	}
	if err != nil {
		return nil, fmt.Errorf("which legacy tables exist: %w", err)
	}
	return strings.Fields(string(text)), nil
}
