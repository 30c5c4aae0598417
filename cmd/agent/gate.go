package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"data-space.liqo.io/pkg/decisions/cnifolder"
	"data-space.liqo.io/pkg/effects/cniconf"
	"data-space.liqo.io/pkg/effects/leases"
	"data-space.liqo.io/pkg/effects/nri"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/nodeinstall"
	"data-space.liqo.io/pkg/programs/startgate"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/gate"
)

// gateOptions are the flags of the gate and of the commands that install it.
type gateOptions struct {
	nodeinstall.Options
	mode   string
	exempt string
	marks  string
	nri    string
}

// Values of --gate and --unmarked.
const (
	gateCNI, gateOff         = "cni", nodeinstall.Off
	unmarkedHeld, unmarkedGo = "held", "start"
)

// paths adds the flags that every command about the gate has.
func (g *gateOptions) paths(f *pflag.FlagSet) {
	f.StringVar(&g.Folders.Conf, "cni-conf-dir", "", "`folder` of the node in which the runtime reads CNI configurations; empty: the one "+
		"that the runtime reports, else "+cnifolder.UsualConf)
	f.StringVar(&g.Folders.Bin, "cni-bin-dir", "", "`folder` of the node in which the runtime finds CNI plugins; empty: one that the "+
		"runtime reports, else "+cnifolder.UsualBin)
	f.StringVar(&g.Socket, "gate-socket", gate.Socket, "`path` of the unix socket that the CNI plugin asks")
	f.StringVar(&g.Kubelet, "kubelet-dir", "/var/lib/kubelet", "`folder` of the node's kubelet (its --root-dir), for the seccomp profile that every container "+
		"of a foreign pod names; \"off\": none is kept there (right only with the webhook's --seccomp-profile=RuntimeDefault)")
	f.StringVar(&g.Spaces, "namespaces-file", gate.SpacesFile, "`path` of the list of namespaces that stays on the node, for the CNI plugin to judge by when no agent answers")
}

// entry adds the flags that make up the plugin's entry.
func (g *gateOptions) entry(f *pflag.FlagSet) {
	f.StringVar(&g.Plugin, "cni-plugin", "/usr/local/bin/cni", "`path` of the CNI plugin to install")
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

// check also sets the options that follow from several flags.
func (g *gateOptions) check() error {
	g.Exempt, g.StartsPlain = cli.List(g.exempt), g.marks == unmarkedGo
	var problem error
	if g.nri != "" && g.nri != gateOff && !strings.HasPrefix(g.nri, "/") {
		problem = fmt.Errorf("--nri-socket=%q: not an absolute path; give one, or off", g.nri)
	}
	return errors.Join(problem, g.Check())
}

// gates is what the gates of this node work with.
func (n node) gates(ctx context.Context, pods startgate.Pods, runtime *sandbox.Client) (startgate.Node, error) {
	of := startgate.Node{Runtime: runtime}
	var err error
	if of.Chain, err = n.chain(ctx, runtime); err != nil {
		return of, err
	}
	if of.Chain != nil {
		if of.Voucher, err = n.voucher(pods, runtime); err != nil {
			return of, err
		}
	}
	if n.gate.nri != gateOff {
		of.NRI = func() string { return sandbox.Locate(n.gate.nri) }
	}
	return of, nil
}

// chain is the CNI chain of the node that the agent keeps its plugin in; nil with --gate=off.
func (n node) chain(ctx context.Context, runtime *sandbox.Client) (*cniconf.Chain, error) {
	if n.gate.mode == gateOff {
		n.log.Warn("--gate=off: foreign pods are enforced as soon as they are seen, but not held until then; the agent does not vouch for " +
			"its node, so foreign pods are scheduled here only if the webhook runs with --require-enforced-nodes=false")
		return nil, nil //nolint:nilnil // none is kept
	}
	return n.gate.Chain(ctx, runtime, n.log)
}

// voucher renews the Lease of this node.
func (n node) voucher(pods startgate.Pods, runtime *sandbox.Client) (*startgate.Voucher, error) {
	boot, err := leases.Boot()
	if err != nil {
		return nil, fmt.Errorf("read the boot id of this node: %w", err)
	}
	writer, err := leases.New(n.api)
	if err != nil {
		return nil, err
	}
	holder := cmp.Or(n.pod, n.node) // the node's name where it is run outside of a cluster
	return &startgate.Voucher{Node: n.node, Pod: holder, Boot: boot, Pods: pods, Leases: writer, Networks: runtime, Checkpoint: n.facts.Checkpoint, Log: n.log}, nil
}

// profile is the seccomp profile that the agent keeps on its node; nil with --kubelet-dir=off.
func (n node) profile() (*startgate.Profile, error) {
	folder, kept, err := n.gate.Profiles(n.state)
	if err != nil {
		return nil, fmt.Errorf("--kubelet-dir=%w; name the right one, or give off, with the webhook's --seccomp-profile=RuntimeDefault", err)
	}
	if !kept {
		return nil, nil //nolint:nilnil // none is kept
	}
	return startgate.NewProfile(folder)
}
