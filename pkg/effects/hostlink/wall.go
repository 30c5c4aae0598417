package hostlink

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"data-space.liqo.io/pkg/effects/netns"
)

// Host is the node's network namespace. Safe for concurrent use.
type Host struct {
	node *netns.Namespace

	mu    sync.Mutex
	walls map[string]wall // by the id of the pod's sandbox

	filters filters
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
	From     []netip.Addr // the kubelet's source addresses: the pod may answer them on links with a wall
	Repaired bool         // another program had changed a wall
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
	h.filters.recall(node)
	return h, nil
}

// Close lets the namespace go. Walls stay.
func (h *Host) Close() error { return h.node.Close() }

// Up walls the pod off: for the first time, again, and after a change alike. Where no wall can stand, the node's end of the
// link is set down, and no frame passes. A link that has no end on this node is set down inside the pod, and the error is
// errLoose: the caller must stop every container that can set it up again.
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
		loose = fmt.Errorf("the pod shows no link: %w", errLoose)
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

// write writes the planned chains in one transaction if the kernel holds others. It reports whether another program had changed
// them.
func (h *Host) write(sandbox string, planned []chain) (repaired bool, err error) {
	old, next := h.walls[sandbox], wall{}
	changed := false
	for _, family := range families() {
		woken, err := awake(h.node, ours(family))
		if err != nil {
			return false, err
		}
		repaired = repaired || woken
	}
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
