package xtables

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	goiptables "github.com/coreos/go-iptables/iptables"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/iptables"
)

// Single removes single rules from tables that other programs write as well. The lock of the legacy programs is the one that
// this process's environment names (lockVariable): go-iptables passes no other environment on. The nft programs take no lock.
type Single struct {
	NS      *netns.Namespace
	Backend Backend
	Family  iptables.Family
	Wait    int // how many seconds a legacy program waits for another holder of the lock
}

// Place is a rule where it stands: its chain and its words, as iptables-save printed them.
type Place struct {
	Chain string
	Words []string
}

// Delete removes from the table each rule that is there, one by one. A rule that is no longer there is no error. After an error
// the rules before it are removed, and the call may be repeated. It ends between two rules when ctx ends.
func (s Single) Delete(ctx context.Context, table string, rules ...Place) error {
	if len(rules) == 0 {
		return nil
	}
	return s.NS.Do(func() error {
		client, err := client(s.Backend, s.Family, s.Wait)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := client.DeleteIfExists(table, r.Chain, r.Words...); err != nil {
				return fmt.Errorf("remove the rule %q of chain %s: %w", strings.Join(r.Words, " "), r.Chain, err)
			}
		}
		return nil
	})
}

// client is go-iptables' for the backend's program.
func client(b Backend, f iptables.Family, wait int) (*goiptables.IPTables, error) {
	protocol := goiptables.ProtocolIPv4
	if f == iptables.V6 {
		protocol = goiptables.ProtocolIPv6
	}
	program := b.Program(f, "")
	c, err := goiptables.New(goiptables.IPFamily(protocol), goiptables.Path(program), goiptables.Timeout(wait))
	if errors.Is(err, exec.ErrNotFound) {
		return nil, notInstalled(program)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	return c, nil
}

// versionOf returns the version of the backend's programs, such as "1.8.11". Programs before 1.8 are an error: they know neither
// both backends nor the match of a cgroup's path.
func versionOf(b Backend) (string, error) {
	c, err := client(b, iptables.V4, 0)
	if err != nil {
		return "", err
	}
	major, minor, patch := c.GetIptablesVersion()
	version := fmt.Sprintf("%d.%d.%d", major, minor, patch)
	if major < 1 || major == 1 && minor < 8 {
		return "", fmt.Errorf("%s is of version %s: install iptables 1.8 or newer, or choose the other --iptables-backend", b.Program(iptables.V4, ""), version)
	}
	return version, nil
}

// UseLock makes every legacy program that this process starts take its turn by this lock file, unless Run is given another. ""
// changes nothing.
func UseLock(path string) error {
	if path == "" {
		return nil
	}
	return os.Setenv(lockVariable, path)
}
