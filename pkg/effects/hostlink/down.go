package hostlink

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

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

// Seal takes all walls away and sets the node's ends of their links down first, so that nothing leaves these pods. The
// frame filters of other pods stay, as the rules in these pods do.
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
	if left, err := chainsOf(h.node, FramesTable, nftables.TableFamilyNetdev); err == nil && len(left) == 0 {
		problems = errors.Join(problems, dropTable(h.node))
	}
	return problems
}

// stands reports whether a chain's link still exists. A pod with the capability can move its own end into a network namespace of
// its own, so the chains stay until the pod is deleted.
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

// clear deletes the pod's chains in the kernel except those in stay. The kernel may have deleted the chains of links that are
// gone. If no other pod has chains, clear deletes the tables.
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
