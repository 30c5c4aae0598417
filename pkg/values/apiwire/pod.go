package apiwire

import (
	"google.golang.org/protobuf/encoding/protowire"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/values/netpolicy"
)

// pod is a pod while it is decoded. It points into the message.
type pod struct {
	meta
	node, phase, ip []byte
	hostNetwork     bool
	ports           [][]byte // of containers
	initPorts       [][]byte // of init containers that are sidecars
	ips             [][]byte
}

// Pod decodes a pod, as netpolicy.PodOf reads it.
func (d *Decoder) Pod(message []byte) (netpolicy.Pod, Meta, error) {
	p := pod{meta: meta{created: noTime()}}
	err := fields(message, func(f field) error {
		switch f.number {
		case 1:
			return f.message(p.field)
		case 2:
			return f.message(p.spec)
		case 3:
			return f.message(p.status)
		}
		return nil
	})
	if err != nil {
		return netpolicy.Pod{}, Meta{}, err
	}
	return d.pod(&p)
}

func (d *Decoder) pod(p *pod) (netpolicy.Pod, Meta, error) {
	m, err := p.value()
	if err != nil {
		return netpolicy.Pod{}, m, err
	}
	m.Namespace = d.text(p.namespace)
	out := netpolicy.Pod{
		Key: m.Key, Node: d.text(p.node), Created: p.created, HostNetwork: p.hostNetwork, Terminating: p.terminating,
		Finished: string(p.phase) == string(corev1.PodSucceeded) || string(p.phase) == string(corev1.PodFailed),
	}
	if out.Labels, err = d.labelMap(p.labels); err != nil {
		return netpolicy.Pod{}, m, err
	}
	if out.Ports, err = d.namedPorts(append(p.ports, p.initPorts...)); err != nil {
		return netpolicy.Pod{}, m, err
	}
	texts := make([]string, 0, len(p.ips)+1)
	for _, ip := range p.ips {
		texts = append(texts, string(ip))
	}
	out.IPs = netpolicy.Addresses(texts, string(p.ip))
	return out, m, nil
}

func (p *pod) spec(f field) error {
	switch f.number {
	case 2:
		ports, _, err := container(f)
		p.ports = append(p.ports, ports...)
		return err
	case 10:
		return f.text(&p.node)
	case 11:
		p.hostNetwork = f.varint != 0
		return f.expect(protowire.VarintType)
	case 20:
		ports, sidecar, err := container(f)
		if sidecar {
			p.initPorts = append(p.initPorts, ports...)
		}
		return err
	}
	return nil
}

// container returns the ports of a container, and whether it is restarted always.
func container(f field) (ports [][]byte, always bool, err error) {
	var policy []byte
	err = f.message(func(f field) error {
		switch f.number {
		case 6:
			var port []byte
			err := f.text(&port)
			ports = append(ports, port)
			return err
		case 24:
			return f.text(&policy)
		}
		return nil
	})
	return ports, string(policy) == string(corev1.ContainerRestartPolicyAlways), err
}

func (p *pod) status(f field) error {
	switch f.number {
	case 1:
		return f.text(&p.phase)
	case 6:
		return f.text(&p.ip)
	case 12:
		var ip []byte
		err := f.message(func(f field) error {
			if f.number == 1 {
				return f.text(&ip)
			}
			return nil
		})
		p.ips = append(p.ips, ip)
		return err
	}
	return nil
}

// namedPorts decodes container ports; those without a name are left out.
func (d *Decoder) namedPorts(messages [][]byte) ([]netpolicy.NamedPort, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	key := d.joined(messages)
	if known, ok := d.ports[string(key)]; ok {
		return known, nil
	}
	var out []netpolicy.NamedPort
	for _, m := range messages {
		var name, protocol []byte
		var number int32
		err := fields(m, func(f field) error {
			switch f.number {
			case 1:
				return f.text(&name)
			case 3:
				number = int32(f.varint) //nolint:gosec // two's complement, as protobuf has it
				return f.expect(protowire.VarintType)
			case 4:
				return f.text(&protocol)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		out = netpolicy.AppendPort(out, string(name), corev1.Protocol(protocol), number)
	}
	remember(d.ports, string(key), out)
	return out, nil
}
