package podnet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"data-space.liqo.io/pkg/effects/netns"
)

// SocketBuffer is how many bytes a TCP socket of the pod's network namespace may take to receive, and as many to send. The kernel counts
// whole buffers, and exceeds it by one packet of up to 64 KiB. A connection gets some 100 KiB each round trip.
const SocketBuffer = 128 << 10

// Prepare makes the network namespace hold what the rules rely on, and returns what it had to change, for people.
func Prepare(ns *netns.Namespace) (changed []string, err error) {
	err = ns.Do(func() error {
		for name, want := range parameters() {
			found, err := parameter(name, want)
			if err != nil {
				return err
			}
			if found != "" && found != want {
				changed = append(changed, fmt.Sprintf("%s was %s, is %s", name, found, want))
			}
		}
		added, err := routes()
		changed = append(changed, added...)
		return err
	})
	if err != nil {
		return changed, fmt.Errorf("prepare the pod's network namespace: %w", err)
	}
	return changed, nil
}

// parameters are the kernel parameters that must have these values.
func parameters() map[string]string {
	return map[string]string{
		// Otherwise the SYN+ACKs of a listener without a mark bear the mark of the SYN.
		"net.ipv4.tcp_fwmark_accept": "0",
		// The rule ds-early-end asks for counts.
		"net.netfilter.nf_conntrack_acct": "1",
		// What a socket holds that was not sent yet is memory of the proxy where its peer does not read; without a bound up to tcp_wmem. More
		// does not make a connection faster: what was sent is not counted.
		"net.ipv4.tcp_notsent_lowat": "32768",
		// What a socket received and the proxy does not read yet, and what it sent and its peer does not acknowledge, is memory of the proxy as
		// well; by default up to 6 and 4 MiB for each socket, or what the node allows. The pod's own sockets lead to the proxy over lo.
		"net.ipv4.tcp_rmem": fmt.Sprintf("4096\t131072\t%d", SocketBuffer),
		"net.ipv4.tcp_wmem": fmt.Sprintf("4096\t16384\t%d", SocketBuffer),
	}
}

// parameter sets a kernel parameter of the calling thread's network namespace if it has another value, and returns that it had. Empty: the
// kernel does not have the parameter.
func parameter(name, want string) (found string, err error) {
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	text, err := os.ReadFile(path) //nolint:gosec // one of parameters
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if found = strings.TrimSpace(string(text)); found == want {
		return found, nil
	}
	if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
		return found, fmt.Errorf("set %s to %s: %w", name, want, err)
	}
	return found, nil
}
