package hostlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"data-space.liqo.io/pkg/decisions/quarantine"
	"data-space.liqo.io/pkg/effects/netns"
)

// Host is the node's network namespace. Safe for concurrent use.
type Host struct {
	node *netns.Namespace

	mu    sync.Mutex
	walls map[string]wall // by the id of the pod's sandbox
}

// wall is what was written for one pod; what the kernel held then, by chain. Of an earlier agent's only the names are known.
type wall map[string]brick

type brick struct {
	chain
	held []byte
}

// Standing is what keeps a pod.
type Standing struct {
	Walled   []string     // links of the node with a wall
	Down     []string     // links of the node that were set down, because no wall can stand there, and why
	From     []netip.Addr // where the kubelet speaks from: answered, where a wall stands
	Repaired bool         // a wall was not as it was written
}

// Open opens the node's network namespace and finds the walls that an earlier agent has left.
func Open(path string) (*Host, error) {
	node, err := netns.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the node's network: %w", err)
	}
	h := &Host{node: node, walls: map[string]wall{}}
	for _, family := range families() {
		names, err := chains(node, family)
		if err != nil {
			continue // a kernel without nftables: there are none
		}
		for _, name := range names {
			pod, _, _ := strings.Cut(name, separator)
			if h.walls[pod] == nil {
				h.walls[pod] = wall{}
			}
			h.walls[pod][name] = brick{chain: chain{family: family, name: name}}
		}
	}
	return h, nil
}

func families() []uint8 { return []uint8{unix.NFPROTO_NETDEV, unix.NFPROTO_INET} }

// separator stands in the name of an ingress chain between the sandbox's id and the link's number.
const separator = "."

// Close lets the namespace go. Walls stay.
func (h *Host) Close() error { return h.node.Close() }

// Up walls the pod off: for the first time, again, and after a change alike. Where no wall can stand, the node's end of the
// link is set down, and nothing passes at all. A link that has no end on this node is set down from inside, and the
// error says so (ErrLoose): who may set it up again must be stopped.
func (h *Host) Up(pod *netns.Namespace, sandbox string, ips []netip.Addr) (Standing, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ends, loose := h.ends(pod)
	var s Standing
	planned := []chain{forward(sandbox, ips)}
	var walled []netlink.Link
	for _, end := range ends {
		by, err := h.taken(end)
		if err != nil {
			by = err.Error()
		}
		if by != "" {
			loose = errors.Join(loose, h.down(&s, end, "its frames are taken by "+by))
			continue
		}
		view, err := h.view(end, ips)
		if err != nil {
			loose = errors.Join(loose, h.down(&s, end, err.Error()))
			continue
		}
		introduce(pod, end.Attrs().ParentIndex, view)
		planned, walled = append(planned, ingress(sandbox, end, view)), append(walled, end)
		s.Walled, s.From = append(s.Walled, end.Attrs().Name), view.Node
	}
	var err error
	if s.Repaired, err = h.write(sandbox, planned); err != nil {
		s.Walled, s.From = nil, nil
		for _, end := range walled {
			loose = errors.Join(loose, h.down(&s, end, err.Error()))
		}
	}
	return s, loose
}

// down sets the node's end of a link down.
func (h *Host) down(s *Standing, end netlink.Link, why string) error {
	name := end.Attrs().Name
	if err := h.node.Do(func() error { return netlink.LinkSetDown(end) }); err != nil {
		return fmt.Errorf("set down %s: %w", name, err)
	}
	s.Down = append(s.Down, name+": "+why)
	return nil
}

// ingress is the chain that sees every frame from the pod. The device's number is part of it: another device of that name
// is another pod's.
func ingress(sandbox string, end netlink.Link, view quarantine.Link) chain {
	a := end.Attrs()
	c := chain{
		family: unix.NFPROTO_NETDEV, name: fmt.Sprintf("%s%s%d", sandbox, separator, a.Index), hook: hookIngress, device: a.Name, policy: drop,
		rules: []*nl.RtAttr{expressions(accept,
			meta(unix.NFT_META_IIF, unix.NFT_CMP_NEQ, binary.NativeEndian.AppendUint32(nil, uint32(a.Index)))...)}, //nolint:gosec // positive
	}
	for _, r := range quarantine.Wall(view) {
		var matches []*nl.RtAttr
		for _, m := range r.Matches {
			matches = append(matches, match(m)...)
		}
		c.rules = append(c.rules, expressions(accept, matches...))
	}
	return c
}

// forward is the chain that hands nothing on between the pod and others in the node's name: a connection that came to a
// port of the node, and that nat leads to the pod with the node's address as its source, is none of the kubelet's.
func forward(sandbox string, ips []netip.Addr) chain {
	c := chain{family: unix.NFPROTO_INET, name: sandbox, hook: hookForward, policy: accept}
	for _, ip := range ips {
		family, offsets := byte(unix.NFPROTO_IPV4), []int{12, 16} // source and destination, RFC 791
		if ip.Is6() {
			family, offsets = unix.NFPROTO_IPV6, []int{8, 24} // RFC 8200
		}
		for _, offset := range offsets {
			c.rules = append(c.rules, expressions(drop, append(meta(unix.NFT_META_NFPROTO, unix.NFT_CMP_EQ, []byte{family}),
				match(quarantine.Match{Base: quarantine.Packet, Offset: offset, Value: ip.AsSlice()})...)...))
		}
	}
	return c
}

// write brings the kernel to the planned chains, in one transaction, unless it holds them. It reports whether somebody else
// had changed them.
func (h *Host) write(sandbox string, planned []chain) (repaired bool, err error) {
	old, next := h.walls[sandbox], wall{}
	changed := false
	var changes []*nl.NetlinkRequest
	for _, c := range planned {
		held, err := c.held(h.node)
		if err != nil {
			return false, err
		}
		before := old[c.name]
		other := !bytes.Equal(before.held, held)
		repaired = repaired || before.held != nil && other
		changed = changed || other || !c.same(before.chain)
		changes = append(changes, c.put()...)
		next[c.name] = brick{chain: c, held: held}
	}
	if changed {
		if err := commit(h.node, changes); err != nil {
			return repaired, err
		}
		for name, b := range next {
			if b.held, err = b.chain.held(h.node); err != nil {
				return repaired, err
			}
			next[name] = b
		}
	}
	h.walls[sandbox] = next
	return repaired, h.clear(sandbox, next)
}

// Standing lists the sandboxes that have a wall.
func (h *Host) Standing() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for id := range h.walls {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// Down takes the pod's wall away, and our tables with the last one. It does nothing if the pod has none.
func (h *Host) Down(sandbox string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, stands := h.walls[sandbox]; !stands {
		return nil
	}
	if err := h.clear(sandbox, nil); err != nil {
		return err
	}
	delete(h.walls, sandbox)
	return nil
}

// clear removes the pod's chains but for those that stay, as the kernel shows them: those of links that are gone may have
// gone with them. Without a wall of any other pod our tables go as a whole.
func (h *Host) clear(sandbox string, stay wall) error {
	var problems error
	for _, family := range families() {
		names, err := chains(h.node, family)
		if err != nil || len(names) == 0 {
			problems = errors.Join(problems, err)
			continue
		}
		var changes []*nl.NetlinkRequest
		for _, name := range names {
			if pod, _, _ := strings.Cut(name, separator); pod == sandbox && stay[name].name == "" {
				changes = append(changes, chain{family: family, name: name}.remove()...)
			}
		}
		if stay == nil && len(h.walls) == 1 {
			changes = []*nl.NetlinkRequest{message(unix.NFT_MSG_DELTABLE, unix.NLM_F_ACK, family, text(unix.NFTA_TABLE_NAME, table))}
		}
		if len(changes) > 0 {
			problems = errors.Join(problems, commit(h.node, changes))
		}
	}
	return problems
}
