package hostlink

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/nftables"

	"data-space.liqo.io/pkg/effects/netns"
)

// filters are the pods whose frames are filtered. Safe for concurrent use.
type filters struct {
	mu    sync.Mutex
	known map[string]map[string]uint64 // by the sandbox's id and the chain: frames that it had dropped at the last call
}

// Filter makes both ends of every link of the pod pass IPv4, IPv6 and ARP only, and drop and count all other frames. It
// writes only what the kernel does not hold, one transaction for each place. A place that cannot hold a filter is
// no error: Filtered names it.
func (h *Host) Filter(pod *netns.Namespace, sandbox string) (Filtered, error) {
	h.filters.mu.Lock()
	defer h.filters.mu.Unlock()
	found, err := h.links(pod)
	if err != nil {
		return Filtered{}, err
	}
	p := h.planFilters(sandbox, found)
	known, again := h.filters.known[sandbox]
	var out Filtered
	onNode := place{ns: h.node, hook: nftables.ChainHookIngress, known: known, first: !again}
	inPod := place{ns: pod, hook: nftables.ChainHookEgress, known: known, first: !again}
	var waiting sync.WaitGroup
	waiting.Go(func() { inPod.bring(p.pod) })
	onNode.bring(p.node)
	waiting.Wait()
	if err := errors.Join(onNode.failed, inPod.failed); err != nil {
		return Filtered{}, err
	}
	out.FromNode, out.FromPod = onNode.dropped, inPod.dropped
	out.Repaired = onNode.repaired || inPod.repaired
	p.conclude(&out, onNode.unable, inPod.unable)
	h.filters.note(sandbox, onNode.counts, inPod.counts)
	return out, nil
}

// Unfilter takes the filters of pods away. The namespace is that of the pod if there is only one and it still exists.
func (h *Host) Unfilter(pod *netns.Namespace, sandboxes ...string) error {
	h.filters.mu.Lock()
	defer h.filters.mu.Unlock()
	if len(sandboxes) == 0 {
		return nil
	}
	var problems error
	if pod != nil {
		problems = dropTable(pod)
	}
	left, err := chainsOf(h.node, FramesTable, nftables.TableFamilyNetdev)
	if err != nil {
		return errors.Join(problems, fmt.Errorf("filters on the node: %w", err))
	}
	gone := slices.DeleteFunc(slices.Clone(left), func(c *nftables.Chain) bool {
		box, _, _ := strings.Cut(c.Name, separator)
		return !slices.Contains(sandboxes, box)
	})
	switch {
	case len(left) == len(gone):
		problems = errors.Join(problems, dropTable(h.node))
	case len(gone) > 0:
		problems = errors.Join(problems, within(h.node, func(conn *nftables.Conn) error {
			for _, c := range gone {
				remove(conn, c)
			}
			return nil
		}))
	}
	if problems == nil {
		for _, box := range sandboxes {
			delete(h.filters.known, box)
		}
	}
	return problems
}

// Filtering lists the sandboxes whose frames are filtered.
func (h *Host) Filtering() []string {
	h.filters.mu.Lock()
	defer h.filters.mu.Unlock()
	var all []string
	for id := range h.filters.known {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// recall finds the filters that an earlier agent has left on the node. Filters keep their counts: what they dropped while
// no agent ran is reported by the next one, with what the earlier agent has reported already.
func (f *filters) recall(node *netns.Namespace) {
	f.known = map[string]map[string]uint64{}
	all, err := chainsOf(node, FramesTable, nftables.TableFamilyNetdev)
	if err != nil {
		return // a kernel without nftables: there are none
	}
	for _, c := range all {
		box, _, _ := strings.Cut(c.Name, separator)
		if f.known[box] == nil {
			f.known[box] = map[string]uint64{}
		}
	}
}

// note remembers what the pod's filters have dropped by now.
func (f *filters) note(sandbox string, counts ...map[string]uint64) {
	f.known[sandbox] = map[string]uint64{}
	for _, c := range counts {
		for name, n := range c {
			f.known[sandbox][name] = n
		}
	}
}
