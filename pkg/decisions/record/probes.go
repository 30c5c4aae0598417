package record

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"time"

	"data-space.liqo.io/pkg/values/workload"
)

// Probes recognizes the kubelet's probes among the lines of proxies. Who may call from the node's addresses can pass for the kubelet, so what is
// recognized is bounded: a port is called no more often than its probes' periods allow, with one request for each connection, and few bytes.
type Probes struct {
	Node func(netip.Addr) bool           // whether the address is one of the node's
	Of   func(s Source) []workload.Probe // of the pod; empty where it is not known

	pods map[Source]*probed
}

// probed is what is known of one pod.
type probed struct {
	ports       map[uint16]*Budget
	connections []probing // the latest
}

// probing is a connection that may be a probe.
type probing struct {
	name  string // of the connection
	asked bool   // its request was recorded
	short bool   // that request has no body
}

const (
	// oneProbe is what a probe takes of its port's budget.
	oneProbe = 1_000_000
	// probesAtOnce is how many of each probe may come at one time: containers start again, and lines wait.
	probesAtOnce = 3
	// probings is how many connections are remembered for a pod.
	probings = 64
	// What a probe may send and receive, in bytes: a TLS handshake, and an answer of which the kubelet reads 10 KiB.
	probeSends, probeReceives = 4 << 10, 64 << 10
)

// Marked returns the entry with the mark of a probe if it is a line of one. Entries are given in the order of the log.
func (p *Probes) Marked(e Entry) Entry {
	if p == nil || p.Of == nil || !p.mayBe(e) {
		return e
	}
	u := e.unwrapped()
	switch {
	case strings.HasPrefix(u.Text, endPrefix):
		ended, ok := ParseEnded(u.Text)
		e.Probe = ok && p.ended(e, ended)
	case bytes.Contains(u.Log, []byte(`"response_flags"`)):
		var ended Ended
		e.Probe = json.Unmarshal(u.Log, &ended) == nil && strings.HasSuffix(ended.Event, "End") && ended.Direction == ingress && p.ended(e, ended)
	default:
		if begun, ok := ParseBegun(u.Log); ok && begun.Direction == ingress {
			e.Probe = p.begun(e, begun)
		}
	}
	return e
}

// mayBe spares most lines the parsing: only of what a pod is asked for there are probes, and short ends matter where something is known.
func (p *Probes) mayBe(e Entry) bool {
	return bytes.Contains(e.Log, []byte(ingress)) || p.pods[e.Source] != nil && (e.Text != "" || bytes.HasPrefix(e.Log, []byte(loggedStart)))
}

// Forget ends what is known of a pod.
func (p *Probes) Forget(s Source) {
	if p != nil {
		delete(p.pods, s)
	}
}

// ingress is the direction of what the pod is asked for.
const ingress = "ingress"

// connectionOf names the connection of a key. A proxy that starts again, which has another log file, counts its connections from the beginning.
func connectionOf(e Entry, key string) string {
	number, _, _ := strings.Cut(key, ".")
	return e.Position.File + "/" + number
}

// begun judges the beginning of a connection, or of its request.
func (p *Probes) begun(e Entry, b Begun) bool {
	from, err := netip.ParseAddrPort(b.Caller)
	to, none := netip.ParseAddrPort(b.Destination)
	if err != nil || none != nil {
		return false
	}
	probes := ofPort(p.Of(e.Source), to.Port())
	if len(probes) == 0 || !p.Node(from.Addr().Unmap()) {
		return false
	}
	name := connectionOf(e, b.Key)
	known := p.connection(e.Source, name)
	if known == nil {
		if known = p.called(e, name, to.Port(), probes); known == nil {
			return false
		}
	}
	if b.Method == "" {
		return true
	}
	if known.asked || !asks(probes, b) {
		known.name = "" // nothing that follows on it is a probe's
		return false
	}
	known.asked, known.short = true, UnusualBody(b.Method, 1) > 0
	return true
}

// ended judges the end of a connection, or of its request.
func (p *Probes) ended(e Entry, end Ended) bool {
	of := p.connection(e.Source, connectionOf(e, end.Key))
	if of == nil || of.short && end.Event == "DownstreamEnd" && end.BytesReceived > 0 {
		return false
	}
	return end.BytesReceived <= probeSends && end.BytesSent <= probeReceives
}

// ofPort returns the probes of a port.
func ofPort(all []workload.Probe, port uint16) []workload.Probe {
	var of []workload.Probe
	for _, one := range all {
		if one.Port == port && one.Period > 0 {
			of = append(of, one)
		}
	}
	return of
}

// asks reports whether one of the probes makes that request.
func asks(probes []workload.Probe, b Begun) bool {
	for _, one := range probes {
		if one.Method == b.Method && one.Path == b.Path {
			return true
		}
	}
	return false
}

func (p *Probes) connection(s Source, name string) *probing {
	of := p.pods[s]
	if of == nil {
		return nil
	}
	for i := range of.connections {
		if of.connections[i].name == name {
			return &of.connections[i]
		}
	}
	return nil
}

// called remembers a connection to a port that has probes, as far as their periods allow.
func (p *Probes) called(e Entry, name string, port uint16, probes []workload.Probe) *probing {
	if p.pods == nil {
		p.pods = map[Source]*probed{}
	}
	of := p.pods[e.Source]
	if of == nil {
		of = &probed{ports: map[uint16]*Budget{}}
		p.pods[e.Source] = of
	}
	left := of.ports[port]
	if left == nil {
		left = budget(probes)
		of.ports[port] = left
	}
	at, _ := time.Parse(time.RFC3339Nano, e.Time)
	if left.Left(at) < oneProbe {
		return nil
	}
	left.Take(oneProbe)
	if len(of.connections) == probings {
		of.connections = append(of.connections[:0], of.connections[1:]...)
	}
	of.connections = append(of.connections, probing{name: name})
	return &of.connections[len(of.connections)-1]
}

// budget allows what the probes of a port call.
func budget(probes []workload.Probe) *Budget {
	b := &Budget{Burst: int64(len(probes)) * probesAtOnce * oneProbe}
	for _, one := range probes {
		b.Rate += int64(oneProbe / one.Period.Seconds())
	}
	return b
}
