//go:build vm

package node

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/effects/netns"
)

// watch sees what comes in by a device after every filter of the node: by EtherType, and of IP by protocol. ARP, neighbour discovery
// and the kernel's reports of multicast listeners are not counted.
type watch struct {
	ns    *netns.Namespace
	where string
	conn  *nftables.Conn
	sets  []*nftables.Set
}

func newWatch(t *testing.T, ns *netns.Namespace, device, where string) *watch {
	t.Helper()
	w := &watch{ns: ns, where: where}
	table := &nftables.Table{Name: "seen", Family: nftables.TableFamilyNetdev}
	require.NoError(t, ns.Do(func() (err error) {
		nft := exec.Command("nft", "-f", "-")
		nft.Stdin = strings.NewReader(fmt.Sprintf(`table netdev seen {
 set frames { type ether_type; size 512; flags dynamic; }
 set packets { type inet_proto; size 512; flags dynamic; }
 set segments { type inet_service . inet_service; size 4096; flags dynamic; }
 chain behind { type filter hook ingress device %q priority 10000;
  meta protocol arp return
  icmpv6 type { 131, 132, 133, 135, 136, 143 } return
  meta protocol { ip, ip6 } meta l4proto tcp update @segments { tcp sport . tcp dport }
  meta protocol { ip, ip6 } update @packets { meta l4proto }
  meta protocol != { ip, ip6 } update @frames { meta protocol }
 }
}`, device))
		if out, err := nft.CombinedOutput(); err != nil {
			return fmt.Errorf("nft: %w: %s", err, out)
		}
		if w.conn, err = nftables.New(nftables.AsLasting()); err != nil {
			return err
		}
		for _, name := range []string{"frames", "packets", "segments"} {
			set, err := w.conn.GetSetByName(table, name)
			if err != nil {
				return err
			}
			w.sets = append(w.sets, set)
		}
		return nil
	}))
	t.Cleanup(func() { _ = w.conn.CloseLasting() })
	return w
}

// reset forgets what was seen.
func (w *watch) reset() error {
	for _, s := range w.sets {
		w.conn.FlushSet(s)
	}
	return w.conn.Flush()
}

// seen returns what came in since the last reset.
func (w *watch) seen() ([]string, error) {
	var all []string
	for i, s := range w.sets {
		elements, err := w.conn.GetSetElements(s)
		if err != nil {
			return nil, err
		}
		for _, e := range elements {
			switch port := binary.BigEndian.Uint16; i {
			case 0:
				all = append(all, fmt.Sprintf("frame 0x%04x %s", port(e.Key), w.where))
			case 1:
				if e.Key[0] != unix.IPPROTO_TCP { // the segments tell more
					all = append(all, fmt.Sprintf("IP protocol %d %s", e.Key[0], w.where))
				}
			default:
				all = append(all, fmt.Sprintf("TCP %d to %d %s", port(e.Key), port(e.Key[4:]), w.where))
			}
		}
	}
	slices.Sort(all)
	return all, nil
}
