// Package strict is a CoreDNS plugin that answers what is not a query of class IN, and so lets the log see it: other classes
// get NXDOMAIN as every name outside of the cluster does, other operations NOTIMP. Without it the server refuses both
// before any plugin, and the log has no line of them. Messages that cannot be parsed, and those with an EDNS version other
// than 0, are still answered before any plugin.
package strict

import (
	"context"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

const name = "strict"

// handler answers what is not an ordinary query. It must come behind the plugin "log" and before those that answer.
type handler struct{ next plugin.Handler }

// Register makes the plugin known to CoreDNS, and lets every class reach the plugins where it is used.
func Register() {
	plugin.Register(name, setup)
	dnsserver.EnableChaos[name] = struct{}{}
}

func setup(c *caddy.Controller) error {
	for c.Next() {
		if c.NextArg() || c.NextBlock() {
			return plugin.Error(name, c.ArgErr())
		}
	}
	config := dnsserver.GetConfig(c)
	for opcode := range 16 { // RFC 1035, section 4.1.1: four bits
		config.AllowOpcode(opcode)
	}
	config.AddPlugin(func(next plugin.Handler) plugin.Handler { return handler{next} })
	return nil
}

// Name implements plugin.Handler.
func (handler) Name() string { return name }

// ServeDNS implements plugin.Handler.
func (h handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	switch {
	case r.Opcode != dns.OpcodeQuery:
		return dns.RcodeNotImplemented, w.WriteMsg(new(dns.Msg).SetRcode(r, dns.RcodeNotImplemented))
	case r.Question[0].Qclass != dns.ClassINET:
		return dns.RcodeNameError, w.WriteMsg(new(dns.Msg).SetRcode(r, dns.RcodeNameError))
	default:
		return plugin.NextOrFailure(name, h.next, ctx, w, r)
	}
}
