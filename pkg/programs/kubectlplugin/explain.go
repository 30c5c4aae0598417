package kubectlplugin

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/effects/agentexec"
)

// Nodes reaches one pod, and the agent of its node.
type Nodes interface {
	// Pod returns a pod.
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	// On returns the running agent of a node.
	On(ctx context.Context, node string) (agentexec.Agent, error)
	// Stream runs a command of an agent and writes what it prints.
	Stream(ctx context.Context, a agentexec.Agent, stdout io.Writer, args ...string) error
}

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

// Rules writes the rules that the kernel holds for a foreign pod, each with its reason and its packets, as the agent of the pod's node
// reads them.
func Rules(ctx context.Context, nodes Nodes, stdout io.Writer, namespace, name, form string) error {
	pod, err := nodes.Pod(ctx, namespace, name)
	if err != nil {
		return err
	}
	agent, err := nodes.On(ctx, pod.Spec.NodeName)
	if err != nil {
		return err
	}
	return nodes.Stream(ctx, agent, stdout, "rules", "--pod="+namespace+"/"+name, "-o", form)
}

// Explain writes which rule of which NetworkPolicy decides on a connection of a pod, as the agent of the pod's node explains it. The
// error is agentexec.StatusError with status 3 if the connection is refused.
func Explain(ctx context.Context, nodes Nodes, stdout io.Writer, namespace, name, form string, c Connection) error {
	pod, err := nodes.Pod(ctx, namespace, name)
	if err != nil {
		return err
	}
	other, port, err := c.other()
	if err != nil {
		return err
	}
	own, err := addressLike(pod, other)
	if err != nil {
		return err
	}
	agent, err := nodes.On(ctx, pod.Spec.NodeName)
	if err != nil {
		return err
	}
	from, to := own, other
	if c.From != "" {
		from, to = other, own
	}
	return nodes.Stream(ctx, agent, stdout, "explain", "--from="+from.String(), "--to="+to.String(), "--protocol="+c.Protocol,
		"--port="+strconv.Itoa(int(port)), "-o", form)
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
