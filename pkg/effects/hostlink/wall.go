package hostlink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
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
	held []uint64
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
		all, err := chains(node, family)
		if err != nil {
			continue // a kernel without nftables: there are none
		}
		for _, c := range all {
			pod, _, _ := strings.Cut(c.Name, separator)
			if h.walls[pod] == nil {
				h.walls[pod] = wall{}
			}
			h.walls[pod][c.Name] = brick{chain: chain{Chain: *c}}
		}
	}
	return h, nil
}

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
	if len(ends) == 0 && loose == nil && !h.walled(sandbox) {
		loose = fmt.Errorf("the pod shows no link: %w", ErrLoose)
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
	c := newChain(nftables.TableFamilyNetdev, fmt.Sprintf("%s%s%d", sandbox, separator, a.Index), nftables.ChainHookIngress, nftables.ChainPolicyDrop)
	c.Device = a.Name
	c.rules = append(c.rules, verdict(expr.VerdictAccept,
		meta(expr.MetaKeyIIF, expr.CmpOpNeq, binary.NativeEndian.AppendUint32(nil, uint32(a.Index)))...)) //nolint:gosec // positive
	for _, r := range quarantine.Wall(view) {
		var matches []expr.Any
		for _, m := range r.Matches {
			matches = append(matches, match(m)...)
		}
		c.rules = append(c.rules, verdict(expr.VerdictAccept, matches...))
	}
	return c
}

// forward is the chain that hands nothing on between the pod and others in the node's name: a connection that came to a
// port of the node, and that nat leads to the pod with the node's address as its source, is none of the kubelet's.
func forward(sandbox string, ips []netip.Addr) chain {
	c := newChain(nftables.TableFamilyINet, sandbox, nftables.ChainHookForward, nftables.ChainPolicyAccept)
	for _, ip := range ips {
		family, offsets := byte(unix.NFPROTO_IPV4), []int{12, 16} // source and destination, RFC 791
		if ip.Is6() {
			family, offsets = unix.NFPROTO_IPV6, []int{8, 24} // RFC 8200
		}
		for _, offset := range offsets {
			c.rules = append(c.rules, verdict(expr.VerdictDrop, append(meta(expr.MetaKeyNFPROTO, expr.CmpOpEq, []byte{family}),
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
	for _, c := range planned {
		now, err := held(h.node, c)
		if err != nil {
			return false, err
		}
		before := old[c.Name]
		other := !slices.Equal(before.held, now)
		repaired = repaired || before.held != nil && other
		changed = changed || other || !c.same(before.chain)
		next[c.Name] = brick{chain: c, held: now}
	}
	if changed {
		if err := h.replace(planned, next); err != nil {
			return repaired, err
		}
	}
	for name, b := range old {
		if _, planned := next[name]; !planned && h.stands(name) {
			next[name] = b
		}
	}
	h.walls[sandbox] = next
	return repaired, h.clear(sandbox, next)
}

// replace writes the chains in one transaction and notes in the wall what the kernel holds then.
func (h *Host) replace(planned []chain, next wall) error {
	err := within(h.node, func(conn *nftables.Conn) error {
		for _, c := range planned {
			c.put(conn)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range planned {
		now, err := held(h.node, c)
		if err != nil {
			return err
		}
		next[c.Name] = brick{chain: c, held: now}
	}
	return nil
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

// Seal takes all walls away and sets the node's ends of their links down first: nothing of ours is left, and nothing
// leaves the pods.
func (h *Host) Seal() error {
	all, err := chains(h.node, nftables.TableFamilyNetdev)
	if err != nil {
		return err
	}
	for _, c := range all {
		_, number, _ := strings.Cut(c.Name, separator)
		index, err := strconv.Atoi(number)
		if err != nil {
			continue // none of ours
		}
		err = h.node.Do(func() error {
			end, err := netlink.LinkByIndex(index)
			if err != nil {
				return nil //nolint:nilerr // it is gone
			}
			return netlink.LinkSetDown(end)
		})
		if err != nil {
			return fmt.Errorf("seal a pod: %w", err)
		}
	}
	var problems error
	for _, sandbox := range h.Standing() {
		problems = errors.Join(problems, h.Down(sandbox))
	}
	return problems
}

// stands reports whether a chain's link is still there. A pod that may do so can hide its own end in a namespace that nobody
// else knows: the wall stays until the pod goes.
func (h *Host) stands(name string) bool {
	_, number, _ := strings.Cut(name, separator)
	index, err := strconv.Atoi(number)
	return err == nil && h.node.Do(func() error { _, err := netlink.LinkByIndex(index); return err }) == nil
}

// walled reports whether a link has a wall.
func (h *Host) walled(sandbox string) bool {
	for name := range h.walls[sandbox] {
		if h.stands(name) {
			return true
		}
	}
	return false
}

// clear removes the pod's chains but for those that stay, as the kernel shows them: those of links that are gone may have
// gone with them. Without a wall of any other pod our tables go as a whole.
func (h *Host) clear(sandbox string, stay wall) error {
	var problems error
	for _, family := range families() {
		all, err := chains(h.node, family)
		if err != nil || len(all) == 0 {
			problems = errors.Join(problems, err)
			continue
		}
		problems = errors.Join(problems, within(h.node, func(conn *nftables.Conn) error {
			if stay == nil && len(h.walls) == 1 {
				conn.DelTable(ours(family))
				return nil
			}
			for _, c := range all {
				pod, _, _ := strings.Cut(c.Name, separator)
				if pod == sandbox && stay[c.Name].Name == "" && (stay == nil || !h.stands(c.Name)) {
					remove(conn, c)
				}
			}
			return nil
		}))
	}
	return problems
}
