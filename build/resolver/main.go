// Command resolver is the upstream CoreDNS server with the few plugins that the guests' resolver uses and three of its own, in an
// order of its own: "limit" comes before "log", which has no line of what is refused there; "strict" comes behind it; "names" comes before
// what asks a server; "template",
// which answers "no such name", comes last, for what neither the cluster nor a listed server is asked. Upstream's order has
// it first.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/bufsize"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"

	"data-space.liqo.io/build/resolver/limit"
	"data-space.liqo.io/build/resolver/names"
	"data-space.liqo.io/build/resolver/strict"
)

func main() {
	limit.Register()
	names.Register()
	strict.Register()
	dnsserver.Directives = []string{
		"metadata", "reload", "bufsize", "ready", "health", "prometheus", "errors", "limit", "log", "strict", "loadbalance",
		"kubernetes", "names", "forward", "template",
	}
	coremain.Run()
}
