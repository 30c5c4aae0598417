package limit

import (
	"context"
	"net/netip"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metadata"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
)

const name = "limit"

// handler refuses questions above the limit and passes the others on. Safe for concurrent use.
type handler struct {
	next    plugin.Handler
	buckets *buckets
	refused prometheus.Counter
	log     func(r Report)
}

// Name implements plugin.Handler.
func (*handler) Name() string { return name }

// ServeDNS implements plugin.Handler.
func (h *handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	state := request.Request{W: w, Req: r}
	client, err := netip.ParseAddr(state.IP())
	if err != nil {
		client = netip.Addr{} // it shares the bucket of those whose address is not known
	}
	allowed, due := h.buckets.take(client, pod(ctx), time.Now())
	if due != nil {
		h.log(*due)
	}
	if allowed {
		return plugin.NextOrFailure(name, h.next, ctx, w, r)
	}
	h.refused.Inc()
	answer := new(dns.Msg).SetRcode(r, dns.RcodeRefused)
	return dns.RcodeRefused, w.WriteMsg(answer)
}

// pod names the client as the log does.
func pod(ctx context.Context) string {
	part := func(label string) string {
		if value := metadata.ValueFunc(ctx, label); value != nil && value() != "" {
			return value()
		}
		return "-"
	}
	return part("kubernetes/client-namespace") + "/" + part("kubernetes/client-pod-name")
}

// report writes one line in the form of the log's others.
func report(rate int) func(Report) {
	return func(r Report) {
		client := "several"
		if r.Client.IsValid() {
			client = r.Client.String()
		}
		clog.Infof("pod=%s client=%s refused=%d limit=%d/s", r.Pod, client, r.Refused, rate)
	}
}

// watch sweeps until done is closed, and reports what is left then.
func (h *handler) watch(done <-chan struct{}) {
	ticker := time.NewTicker(reportInterval)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			h.each(h.buckets.sweep(now))
		case <-done:
			h.each(h.buckets.rest(time.Now()))
			return
		}
	}
}

func (h *handler) each(reports []Report) {
	for _, r := range reports {
		h.log(r)
	}
}
