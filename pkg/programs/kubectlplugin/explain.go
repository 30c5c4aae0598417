package kubectlplugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/decisions/ruleview"
	"data-space.liqo.io/pkg/effects/agentexec"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// Connection is a connection of a pod: to an address and port elsewhere, or from an address to a port of the pod.
type Connection struct {
	To       string // ADDRESS:PORT, an IPv6 address in brackets; an address alone for icmp
	From     string // ADDRESS
	Port     uint16 // of the pod, with From
	Protocol string // tcp, udp, sctp or icmp
}

// Asked reports whether the question names a connection.
func (c Connection) Asked() bool { return c.To != "" || c.From != "" }

// Check returns what is wrong with the question, by the names of the flags.
func (c Connection) Check() error {
	if (c.To == "") == (c.From == "") {
		return fmt.Errorf("--to=%q --from=%q: give one of them; the other end is the pod", c.To, c.From)
	}
	_, _, err := c.other()
	return err
}

// other returns the address at the other end, and the receiver's port.
func (c Connection) other() (netip.Addr, uint16, error) {
	if c.From != "" {
		address, err := netip.ParseAddr(c.From)
		if err != nil {
			return address, 0, fmt.Errorf("--from=%q: not an IP address; give one", c.From)
		}
		return address, c.Port, nil
	}
	if c.Protocol == "icmp" {
		if address, err := netip.ParseAddr(c.To); err == nil {
			return address, 0, nil
		}
	}
	to, err := netip.ParseAddrPort(c.To)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("--to=%q: not ADDRESS:PORT; give one, such as 10.0.0.7:443 or [fd00::7]:443", c.To)
	}
	return to.Addr(), to.Port(), nil
}

// ErrRefused means that a connection is refused, which was printed.
var ErrRefused = errors.New("the connection is refused")

// explained is what decides on a connection of a pod: first the rules in its own network namespace, if it is a foreign one, then NetworkPolicy on the node.
type explained struct {
	agentapi.Explanation
	Way []string `json:"way,omitempty"` // the rules in the pod by which the connection passes its proxy, or the one that ends it

	ended bool // in the pod
}

// way returns the connection's way through the rules in a foreign pod; nothing for another pod.
func (e *explained) way(ctx context.Context, cluster Cluster, agent agentexec.Agent, pod *corev1.Pod, c Connection, q agentapi.Question) ([]string, error) {
	var rules agentapi.PodRules
	if err := askFor(ctx, cluster, agent, agentapi.RulesURL(pod.Namespace, pod.Name), &rules); err != nil {
		if notServed(err) || strings.Contains(err.Error(), agentapi.NoForeignPod) {
			return nil, nil
		}
		return nil, err
	}
	family := "ipv4"
	if q.To.Is6() {
		family = "ipv6"
	}
	lines, passes := ruleview.Way(rules, ruleview.Connection{Incoming: c.From != "", Family: family, Protocol: c.Protocol, Port: q.Port})
	e.ended = !passes
	return lines, nil
}

// Explain writes which rules in a foreign pod and which rule of which NetworkPolicy decide on a connection of a pod, as the agent of the pod's node has them.
// errors.Is ErrRefused if the connection is refused.
func Explain(ctx context.Context, cluster Cluster, stdout io.Writer, namespace, name string, style Style, c Connection) error {
	pod, agent, err := ofPod(ctx, cluster, namespace, name)
	if err != nil {
		return err
	}
	q, err := c.question(pod)
	if err != nil {
		return err
	}
	e := explained{}
	if e.Way, err = e.way(ctx, cluster, agent, pod, c, q); err != nil {
		return err
	}
	if err := askFor(ctx, cluster, agent, agentapi.ExplainPath+"?"+q.Values().Encode(), &e.Explanation); err != nil {
		if notServed(err) {
			err = fmt.Errorf("the agent of node %s does not enforce NetworkPolicy; give it --enable=networkpolicy", agent.Node)
		}
		return err
	}
	e.Allowed = e.Allowed && !e.ended
	if style.ForPeople() {
		err = printExplanation(stdout, e, style)
	} else {
		err = style.Encode(stdout, e)
	}
	if err == nil && !e.Allowed {
		err = ErrRefused
	}
	return err
}

func printExplanation(w io.Writer, e explained, style Style) error {
	verdict := style.paint(green, "allowed")
	if !e.Allowed {
		verdict = style.paint(red, "refused")
	}
	_, err := fmt.Fprintf(w, "%s on node %s\n", verdict, e.Node)
	for _, line := range e.Way {
		fmt.Fprintln(w, printable(line))
	}
	if err == nil {
		err = writeLines(w, e.Text)
	}
	if !e.InForce {
		fmt.Fprintln(w, "but the kernel does not hold it yet: policies are not in force")
	}
	return err
}

// question returns the question to the agent of the pod's node.
func (c Connection) question(pod *corev1.Pod) (agentapi.Question, error) {
	other, port, err := c.other()
	if err != nil {
		return agentapi.Question{}, err
	}
	own, err := addressLike(pod, other)
	q := agentapi.Question{From: own, To: other, Protocol: netpolicy.Protocol(c.Protocol), Port: port}
	if c.From != "" {
		q.From, q.To = other, own
	}
	return q, err
}

// addressLike returns the pod's address of the other's family.
func addressLike(pod *corev1.Pod, other netip.Addr) (netip.Addr, error) {
	for _, ip := range pod.Status.PodIPs {
		if own, err := netip.ParseAddr(ip.IP); err == nil && own.Is4() == other.Unmap().Is4() {
			return own, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("pod %s/%s has no address of the family of %s (its addresses: %v)", pod.Namespace, pod.Name, other, pod.Status.PodIPs)
}
