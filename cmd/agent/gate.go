package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"data-space.liqo.io/pkg/decisions/cnifolder"
	"data-space.liqo.io/pkg/effects/cniconf"
	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/startgate"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
)

// gateOptions are the flags of the gate and of the commands that install it.
type gateOptions struct {
	mode, socket, spaces string
	exempt               string
	marks                string
	folders              cnifolder.Folders // as given; the node's paths
	plugin               string
	nri                  string
	kubelet              string
}

// Values of --gate and --unmarked.
const (
	gateCNI, gateOff         = "cni", "off"
	unmarkedHeld, unmarkedGo = "held", "start"
)

// paths adds the flags that every command about the gate has.
func (g *gateOptions) paths(f *pflag.FlagSet) {
	f.StringVar(&g.folders.Conf, "cni-conf-dir", "", "`folder` of the node in which the runtime reads CNI configurations; empty: the one "+
		"that the runtime reports, else "+cnifolder.UsualConf)
	f.StringVar(&g.folders.Bin, "cni-bin-dir", "", "`folder` of the node in which the runtime finds CNI plugins; empty: one that the "+
		"runtime reports, else "+cnifolder.UsualBin)
	f.StringVar(&g.socket, "gate-socket", gate.Socket, "`path` of the unix socket that the CNI plugin asks")
	f.StringVar(&g.kubelet, "kubelet-dir", "/var/lib/kubelet", "`folder` of the node's kubelet (its --root-dir), for the seccomp profile that every container "+
		"of a foreign pod names; \"off\": none is kept there (right only with the webhook's --seccomp-profile=RuntimeDefault)")
	f.StringVar(&g.spaces, "namespaces-file", gate.SpacesFile, "`path` of the list of namespaces that stays on the node, for the CNI plugin to judge by when no agent answers")
}

// entry adds the flags that make up the plugin's entry.
func (g *gateOptions) entry(f *pflag.FlagSet) {
	f.StringVar(&g.plugin, "cni-plugin", "/usr/local/bin/cni", "`path` of the CNI plugin to install")
	f.StringVar(&g.exempt, "gate-exempt", "kube-system,"+apis.SystemNamespace,
		"comma-separated `list` of namespaces whose pods start even when neither the agent nor the node's list knows these namespaces")
	cli.Choice(f, "unmarked", "what becomes of a pod without the annotation "+gate.AnnotationGuest+" when neither the agent nor the node's list knows its namespace; start is "+
		"right only where admission sets the annotation on every foreign pod", &g.marks, unmarkedHeld, unmarkedGo)
}

// flags adds all flags.
func (g *gateOptions) flags(f *pflag.FlagSet) {
	cli.Choice(f, "gate", "cni: a CNI plugin holds foreign pods until they are enforced; off: they are enforced once they are seen", &g.mode, gateOff, gateCNI)
	f.StringVar(&g.nri, "nri-socket", nri.UsualSocket,
		"`path` of the runtime's NRI socket, by which the exemption is bound before a proxy runs and a foreign pod that came past the "+
			"CNI plugin is refused; \"off\": its events are followed instead, as where there is no such socket")
	g.paths(f)
	g.entry(f)
}

func (g *gateOptions) check() error {
	var problems []error
	if g.nri != "" && g.nri != gateOff && !strings.HasPrefix(g.nri, "/") {
		problems = append(problems, fmt.Errorf("--nri-socket=%q: not an absolute path; give one, or off", g.nri))
	}
	if g.kubelet != gateOff && !strings.HasPrefix(g.kubelet, "/") {
		problems = append(problems, fmt.Errorf("--kubelet-dir=%q: not an absolute path; give one, or off", g.kubelet))
	}
	for name, value := range map[string]string{
		"cni-conf-dir": g.folders.Conf, "cni-bin-dir": g.folders.Bin, "gate-socket": g.socket, "namespaces-file": g.spaces,
	} {
		if optional := strings.HasPrefix(name, "cni-"); !strings.HasPrefix(value, "/") && (value != "" || !optional) {
			problems = append(problems, fmt.Errorf("--%s=%q: not an absolute path; give one", name, value))
		}
	}
	return errors.Join(problems...)
}

func (g *gateOptions) exempted() []string { return list(g.exempt) }

// list is what a flag lists.
func list(text string) []string {
	var out []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// chain is the node's CNI chain, in the folders given.
func (g *gateOptions) chain(in cnifolder.Folders, logger *slog.Logger) *cniconf.Chain {
	entry := gate.NewEntry(g.exempted(), g.marks == unmarkedGo)
	entry.Socket, entry.Spaces = g.socket, g.spaces
	var node sandbox.Folders
	return &cniconf.Chain{Conf: node.Reach(in.Conf), Bin: node.Reach(in.Bin), Source: g.plugin, Entry: entry, Log: logger}
}

// runGate runs the gates until the context ends.
func runGate(ctx context.Context, n node, parts startgate.Parts, pods startgate.Pods, runtime *sandbox.Client) error {
	o := n.gate
	config := startgate.Config{Socket: o.socket, File: o.spaces, Exempt: o.exempted(), Marks: o.marks == unmarkedGo, Address: n.address}
	var err error
	if config.Profile, err = n.profile(); err != nil {
		return err
	}
	chain, err := n.chain(ctx, runtime)
	if err != nil {
		return err
	}
	if chain != nil { // an interface that holds a nil pointer is not nil
		parts.Chain = chain
	}
	g, err := startgate.New(parts, config)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if chain != nil {
		chain.Restored, chain.Placed = g.Restored, g.Placed
		voucher, err := newVoucher(n, g, pods, runtime)
		if err != nil {
			return err
		}
		group.Go(func() error { voucher.Run(ctx); return nil })
	}
	group.Go(func() error { return g.Run(ctx) })
	if o.nri != gateOff {
		group.Go(func() error { n.runNRI(ctx, g, runtime); return nil })
	}
	return group.Wait()
}

// chain is the CNI chain of the node that the agent keeps its plugin in; nil with --gate=off.
func (n node) chain(ctx context.Context, runtime *sandbox.Client) (*cniconf.Chain, error) {
	if n.gate.mode == gateOff {
		n.log.Warn("--gate=off: foreign pods are enforced as soon as they are seen, but not held until then; the agent does not vouch for " +
			"its node, so foreign pods are scheduled here only if the webhook runs with --require-enforced-nodes=false")
		return nil, nil //nolint:nilnil // none is kept
	}
	in, err := cniFolders(ctx, n.gate.folders, runtime)
	if err != nil {
		return nil, err
	}
	n.log.Info("the CNI plugin goes into the runtime's chain", "configurations", in.Conf, "plugins", in.Bin)
	return n.gate.chain(in, n.log), nil
}

// runNRI answers the runtime's announcements once the gate has something to judge by.
func (n node) runNRI(ctx context.Context, g *startgate.Gate, runtime *sandbox.Client) {
	if g.Ready(ctx) {
		link := nri.Connection{Socket: func() string { return sandbox.Locate(n.gate.nri) }, Log: n.log, Live: g.Announced()}
		link.Run(ctx, introduced{startgate.NewNRI(g, runtime), n.address})
	}
}

// introduced tells the addresses of each pod that was made, before its containers start.
type introduced struct {
	nri.Handler
	address func(ctx context.Context, namespace, name string, ips []netip.Addr)
}

// Made implements nri.Handler.
func (i introduced) Made(ctx context.Context, p nri.Pod) error {
	if i.address != nil && p.Netns != "" {
		i.address(ctx, p.Namespace, p.Name, p.IPs)
	}
	return i.Handler.Made(ctx, p)
}
