package claims

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/test/claims/accesslog"
)

// A call is a request of one of the guest's pods to one address of a pod of the Hospital.
type call struct {
	guest, host corev1.Pod
	to          netip.AddrPort
}

func (c call) url() string { return "http://" + c.to.String() + "/patients" }

// across says how the nodes stand to each other.
func (c call) across() string {
	if c.guest.Spec.NodeName == c.host.Spec.NodeName {
		return "on one node"
	}
	return "across two"
}

// calls are from each of the guest's pods to each pod of a Hospital's service, over each family.
func (w *World) calls(ctx context.Context, namespace, selector string) ([]call, error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return nil, err
	}
	hosts, err := w.pods(ctx, namespace, selector)
	if err != nil {
		return nil, err
	}
	found, ways := []call{}, map[string]bool{}
	for _, guest := range guests {
		for _, host := range hosts {
			for _, address := range addresses(host) {
				c := call{guest, host, netip.AddrPortFrom(address, 8080)}
				found, ways[c.across()] = append(found, c), true
			}
		}
	}
	if len(ways) < 2 {
		return nil, fmt.Errorf("%d calls to %s, but not both on one node and across two", len(found), namespace)
	}
	return found, nil
}

// get asks from the guest's own container.
func (w *World) get(ctx context.Context, c call) (string, error) {
	return w.exec(ctx, c.guest.Namespace, c.guest.Name, appContainer, "pharma-app", "get", c.url())
}

// callAll makes all calls, those of each guest one after the other, and judges each.
func (w *World) callAll(ctx context.Context, calls []call, judge func(c call, body string, err error) error) error {
	group, bounded := errgroup.WithContext(ctx)
	for _, guest := range guestsOf(calls) {
		group.Go(func() error {
			for _, c := range callsOf(calls, guest) {
				body, err := w.get(bounded, c)
				if err := judge(c, body, err); err != nil {
					return fmt.Errorf("%s, from %s to %s %s: %w", c.across(), c.guest.Spec.NodeName, c.host.Name, c.to, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func guestsOf(calls []call) []corev1.Pod {
	found := []corev1.Pod{}
	for _, c := range calls {
		if !slices.ContainsFunc(found, func(p corev1.Pod) bool { return p.Name == c.guest.Name }) {
			found = append(found, c.guest)
		}
	}
	return found
}

func callsOf(calls []call, guest corev1.Pod) []call {
	found := []call{}
	for _, c := range calls {
		if c.guest.Name == guest.Name {
			found = append(found, c)
		}
	}
	return found
}

// reached calls each pod of the hospital's service.
func (w *World) reached(ctx context.Context) (string, error) {
	calls, err := w.calls(ctx, hospitalSpace, "app=hospital")
	if err != nil {
		return "", err
	}
	since := time.Now().Add(-time.Second)
	err = w.callAll(ctx, calls, func(_ call, body string, err error) error {
		file := []json.RawMessage{}
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), &file); err != nil || len(file) != hospitalPatients {
			return fmt.Errorf("%d patients, not %d: %s", len(file), hospitalPatients, tail(body))
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return w.decided(ctx, calls, since, http.StatusOK, true)
}

// refused calls each pod of the restricted service, which the Hospital's own people reach.
func (w *World) refused(ctx context.Context) (string, error) {
	calls, err := w.calls(ctx, restrictedSpace, "app=restricted")
	if err != nil {
		return "", err
	}
	for _, c := range callsOf(calls, calls[0].guest) {
		if _, err := w.visit(ctx, http.MethodGet, c.url()); err != nil {
			return "", fmt.Errorf("the hospital's visitor does not reach it either, a refusal would prove nothing: %w", err)
		}
	}
	since := time.Now().Add(-time.Second)
	before, err := w.refusedBy(ctx, calls)
	if err != nil {
		return "", err
	}
	err = w.callAll(ctx, calls, func(_ call, body string, err error) error {
		switch {
		case err == nil:
			return fmt.Errorf("it answered: %s", tail(body))
		case !strings.Contains(err.Error(), "connection reset"):
			return fmt.Errorf("the proxy did not reset it: %w", err)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	after, err := w.refusedBy(ctx, calls)
	if err != nil {
		return "", err
	}
	if after < before+uint64(len(calls)) {
		return "", fmt.Errorf("%d calls, but the kernels' counts of refused packets went from %d to %d", len(calls), before, after)
	}
	line, err := w.decided(ctx, calls, since, unreached, false)
	return fmt.Sprintf("%s; the kernels refused %d packets", line, after-before), err
}

// refusedBy counts what the kernels of the guests' nodes have refused.
func (w *World) refusedBy(ctx context.Context, calls []call) (uint64, error) {
	total := uint64(0)
	for _, guest := range guestsOf(calls) {
		space, err := w.nodeNetwork(ctx, guest.Spec.NodeName)
		if err != nil {
			return 0, err
		}
		n, err := Refused(ctx, space)
		_ = space.Close()
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// decided looks for each call in the log of its proxy, with what was answered, and asks the agent of its node which
// policy and rule decided.
func (w *World) decided(ctx context.Context, calls []call, since time.Time, code int, allowed bool) (string, error) {
	for _, guest := range guestsOf(calls) {
		_, err := until(ctx, func(ctx context.Context) (any, error) {
			log, err := w.accessLog(ctx, guest, since)
			if err != nil {
				return nil, err
			}
			return nil, carried(log, callsOf(calls, guest), code)
		})
		if err != nil {
			return "", err
		}
	}
	why := ""
	for _, c := range calls {
		from := addresses(c.guest)[0]
		if from.Is4() != c.to.Addr().Is4() {
			continue // one family says it for both
		}
		said, err := w.Explain(ctx, c.guest.Spec.NodeName, from, c.to)
		if err != nil {
			return "", err
		}
		if said.Allowed != allowed {
			return "", fmt.Errorf("the agent on %s says otherwise: %s", c.guest.Spec.NodeName, said.Text)
		}
		why = said.Text
	}
	return fmt.Sprintf("%d of %d are in the proxy's log %s, on one node and across two; %s", len(calls), len(calls), outcome(code), why), nil
}

// unreached stands for the status of a call whose destination the proxy could not reach.
const unreached = 0

func outcome(code int) string {
	if code == unreached {
		return "as not reached"
	}
	return fmt.Sprintf("with %d", code)
}

// carried says whether the calls of one guest are in its proxy's log. Of a call that is refused at once the client may not have sent its request yet: then
// the log has the connection.
func carried(log []accesslog.Entry, calls []call, code int) error {
	for _, c := range calls {
		if !slices.ContainsFunc(log, func(e accesslog.Entry) bool {
			if code == unreached {
				return e.Direction == "egress" && strings.Contains(e.Flags, "UF") && strings.Contains(e.OriginalDestination, c.to.String())
			}
			return e.Direction == "egress" && e.Path == "/patients" && e.Code == code && strings.Contains(e.OriginalDestination, c.to.String())
		}) {
			return fmt.Errorf("%s's proxy logged no call of %s %s", c.guest.Name, c.to, outcome(code))
		}
	}
	return nil
}
