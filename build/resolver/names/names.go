package names

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metadata"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
)

const (
	name = "names"
	// ttl is that of the answers, in seconds, as of the cluster's names.
	ttl = 5
)

// Answers are what the controller writes (pkg/decisions/guestnames).
type Answers struct {
	Namespaces map[string]string                  `json:"namespaces"`
	Guests     map[string]map[string][]netip.Addr `json:"guests"`
}

// of returns the addresses of a name for the pods of a namespace. granted reports whether the guest of the namespace may look the name up.
func (a *Answers) of(namespace, name string) (addresses []netip.Addr, granted bool) {
	if a == nil {
		return nil, false
	}
	guest, known := a.Namespaces[namespace]
	if !known {
		return nil, false
	}
	addresses, granted = a.Guests[guest][name]
	return addresses, granted
}

// handler answers names. Safe for concurrent use.
type handler struct {
	next    plugin.Handler
	answers atomic.Pointer[Answers]
}

// take replaces the answers by those in the text that the controller has written. Invalid text grants nothing.
func (h *handler) take(text string) error {
	answers := &Answers{}
	if text == "" {
		h.answers.Store(answers)
		return nil
	}
	err := json.Unmarshal([]byte(text), answers)
	if err != nil {
		answers = &Answers{}
	}
	h.answers.Store(answers)
	return err
}

// Ready implements ready.Readiness: before the ConfigMap has been read, a name that is granted would be reported as one that does not exist.
func (h *handler) Ready() bool { return h.answers.Load() != nil }

// Name implements plugin.Handler.
func (*handler) Name() string { return name }

// ServeDNS implements plugin.Handler.
func (h *handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	state := request.Request{W: w, Req: r}
	addresses, granted := h.answers.Load().of(namespace(ctx), strings.TrimSuffix(state.Name(), "."))
	if !granted {
		return plugin.NextOrFailure(name, h.next, ctx, w, r)
	}
	if len(addresses) == 0 { // the controller has no address of it yet: with this answer the client asks again
		return dns.RcodeServerFailure, w.WriteMsg(new(dns.Msg).SetRcode(r, dns.RcodeServerFailure))
	}
	answer := new(dns.Msg).SetReply(r)
	answer.RecursionAvailable = true
	for _, a := range addresses {
		header := dns.RR_Header{Name: r.Question[0].Name, Rrtype: state.QType(), Class: dns.ClassINET, Ttl: ttl}
		switch {
		case state.QType() == dns.TypeA && a.Is4():
			answer.Answer = append(answer.Answer, &dns.A{Hdr: header, A: net.IP(a.AsSlice())})
		case state.QType() == dns.TypeAAAA && a.Is6():
			answer.Answer = append(answer.Answer, &dns.AAAA{Hdr: header, AAAA: net.IP(a.AsSlice())})
		}
	}
	return dns.RcodeSuccess, w.WriteMsg(answer)
}

// namespace returns the namespace of the pod that asks, or "" if no pod has the address.
func namespace(ctx context.Context) string {
	if value := metadata.ValueFunc(ctx, "kubernetes/client-namespace"); value != nil {
		return value()
	}
	return ""
}
