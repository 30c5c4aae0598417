package podhooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/values/iptables"
)

// Hooks finds them on a node whose rules are written with one backend. It is safe for concurrent use.
type Hooks struct {
	backend xtables.Backend
	other   *dataplane.Dataplane // of the other backend
}

// New returns the Hooks of a node.
func New(b xtables.Backend) *Hooks {
	other := xtables.Legacy
	if b == xtables.Legacy {
		other = xtables.NFT
	}
	return &Hooks{backend: b, other: dataplane.New(other)}
}

// Own returns what the container runtime made in the namespace: its links that are up, and the programs on them. It is the value of known
// for Verify.
func (h *Hooks) Own(ns *netns.Namespace) (known string, err error) {
	err = ns.Do(func() error {
		found, err := onLinks()
		keys := []string{"lo"} // never empty
		for _, s := range found {
			keys = append(keys, s.key)
		}
		known = strings.Join(keys, ",")
		return err
	})
	if err != nil {
		return "", fmt.Errorf("list the links of the pod's network namespace: %w", err)
	}
	return known, nil
}

// Verify returns everything in the namespace that should not be there, and removes it if repair is set: then an error names what is still
// there. Without known, which is what Own returned when the pod was enforced first, links and their programs are not looked at.
func (h *Hooks) Verify(ctx context.Context, ns *netns.Namespace, known string, repair bool) ([]drift.Finding, error) {
	var findings []drift.Finding
	var problems error
	err := ns.Do(func() error {
		found, err := h.strangers(known)
		for _, s := range found {
			findings = append(findings, s.Finding)
			if !repair {
				continue
			}
			if err := s.remove(); err != nil {
				problems = errors.Join(problems, fmt.Errorf("%s cannot be removed: %w; remove it, or create the pod again", s.Finding, err))
			}
		}
		return err
	})
	if err != nil {
		return findings, fmt.Errorf("look for other rules and programs in the pod's network namespace: %w", errors.Join(err, problems))
	}
	if h.backend == xtables.NFT {
		legacy, err := h.legacy(ctx, ns, repair)
		return append(findings, legacy...), errors.Join(problems, err)
	}
	return findings, problems
}

// strangers lists what the calling thread's network namespace should not hold.
func (h *Hooks) strangers(known string) ([]stranger, error) {
	found, err := h.tables()
	if err != nil || known == "" {
		return found, err
	}
	linked, err := onLinks()
	for _, s := range linked {
		if !slices.Contains(strings.Split(known, ","), s.key) {
			found = append(found, s)
		}
	}
	return found, err
}

// legacy reads the tables of the legacy backend on a node that uses the other one, and empties them. The kernel makes them when something
// reads or writes them; older kernels make empty ones in each network namespace.
func (h *Hooks) legacy(ctx context.Context, ns *netns.Namespace, repair bool) (findings []drift.Finding, err error) {
	for _, f := range []iptables.Family{iptables.V4, iptables.V6} {
		held, err := h.other.Held(ctx, ns, f)
		if err != nil {
			return findings, err
		}
		found := drift.Compare(iptables.Saved{Family: f}, held)
		for i := range found {
			found[i].Where = "iptables-legacy " + found[i].Where
		}
		findings = append(findings, found...)
		if len(found) > 0 && repair {
			if err := h.other.Clear(ctx, ns, f); err != nil {
				return findings, err
			}
		}
	}
	return findings, nil
}

// onLinks lists the links that are up, but lo, and the programs of tc and XDP on all links.
func onLinks() (found []stranger, err error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		found = append(found, link(l)...)
	}
	disciplines, err := netlink.QdiscList(nil)
	if err != nil {
		return nil, err
	}
	for _, q := range disciplines {
		if q.Attrs().Handle == 0 {
			continue // the kernel's own, which no filter can be attached to
		}
		found = append(found, stranger{
			Finding: program(fmt.Sprintf("queueing discipline %s of tc on link %d, with its filters", q.Type(), q.Attrs().LinkIndex)),
			key:     fmt.Sprintf("tc %d %s", q.Attrs().LinkIndex, netlink.HandleStr(q.Attrs().Handle)), remove: func() error { return netlink.QdiscDel(q) },
		})
	}
	return found, nil
}
