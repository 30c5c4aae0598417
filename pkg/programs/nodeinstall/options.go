package nodeinstall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"data-space.liqo.io/pkg/decisions/cnifolder"
	"data-space.liqo.io/pkg/effects/cniconf"
	"data-space.liqo.io/pkg/effects/sandbox"
	"data-space.liqo.io/pkg/effects/seccompfile"
	"data-space.liqo.io/pkg/values/gate"
)

// Off is the value of --kubelet-dir (and of other flags of the gate) with which nothing is kept.
const Off = "off"

// Options say where on the node things are, and what the plugin's entry has.
type Options struct {
	Folders     cnifolder.Folders // as given; the node's paths. Empty: those that the runtime reports
	Plugin      string            // the program to install
	Socket      string            // on which the plugin asks the agent
	Spaces      string            // the list of namespaces that stays on the node
	Exempt      []string          // namespaces whose pods start when nothing is known
	StartsPlain bool              // whether a pod without gate.AnnotationGuest starts when nothing is known of its namespace
	Kubelet     string            // the kubelet's folder, or Off
}

// Check reports the paths that are not absolute, by the names of their flags.
func (o Options) Check() error {
	var problems []error
	if o.Kubelet != Off && !strings.HasPrefix(o.Kubelet, "/") {
		problems = append(problems, fmt.Errorf("--kubelet-dir=%q: not an absolute path; give one, or off", o.Kubelet))
	}
	for name, value := range map[string]string{
		"cni-conf-dir": o.Folders.Conf, "cni-bin-dir": o.Folders.Bin, "gate-socket": o.Socket, "namespaces-file": o.Spaces,
	} {
		if optional := strings.HasPrefix(name, "cni-"); !strings.HasPrefix(value, "/") && (value != "" || !optional) {
			problems = append(problems, fmt.Errorf("--%s=%q: not an absolute path; give one", name, value))
		}
	}
	return errors.Join(problems...)
}

// Chain returns the node's CNI chain in the folders that the runtime uses. An error names the flag and the folders.
func (o Options) Chain(ctx context.Context, runtime *sandbox.Client, logger *slog.Logger) (*cniconf.Chain, error) {
	in, err := o.foldersOf(ctx, runtime)
	if err != nil {
		return nil, err
	}
	logger.Info("the CNI plugin goes into the runtime's chain", "configurations", in.Conf, "plugins", in.Bin)
	return o.chainIn(in, logger), nil
}

func (o Options) chainIn(in cnifolder.Folders, logger *slog.Logger) *cniconf.Chain {
	entry := gate.NewEntry(o.Exempt, o.StartsPlain)
	entry.Socket, entry.Spaces = o.Socket, o.Spaces
	var node sandbox.Folders
	return &cniconf.Chain{Conf: node.Reach(in.Conf), Bin: node.Reach(in.Bin), Source: o.Plugin, Entry: entry, Log: logger}
}

func (o Options) foldersOf(ctx context.Context, runtime *sandbox.Client) (cnifolder.Folders, error) {
	reported, err := runtime.Network(ctx)
	if err != nil {
		return cnifolder.Folders{}, err
	}
	known := cnifolder.Runtime{Name: runtime.Runtime, Conf: reported.Conf, Bins: reported.Bins}
	return cnifolder.Choose(o.Folders, known, sandbox.Folders{})
}

// folders is foldersOf for a command: a runtime that does not answer is one that reports nothing.
func (o Options) folders(ctx context.Context) (cnifolder.Folders, error) {
	if o.Folders.Conf != "" && o.Folders.Bin != "" {
		return cnifolder.Choose(o.Folders, cnifolder.Runtime{}, sandbox.Folders{})
	}
	runtime, err := sandbox.Dial(ctx, "")
	if err != nil {
		in, chooseErr := cnifolder.Choose(o.Folders, cnifolder.Runtime{}, sandbox.Folders{})
		if chooseErr != nil {
			return in, fmt.Errorf("%w (%w)", chooseErr, err)
		}
		return in, nil
	}
	defer runtime.Close()
	return o.foldersOf(ctx, runtime)
}

// Profiles opens the kubelet's folder of seccomp profiles; kept is false with Off. The profiles themselves lie beside what else need not outlive
// the boot: state is a folder there.
func (o Options) Profiles(state string) (folder seccompfile.Folder, kept bool, err error) {
	if o.Kubelet == Off {
		return folder, false, nil
	}
	folder, err = seccompfile.Open(o.Kubelet, filepath.Join(filepath.Dir(state), "seccomp"))
	return folder, err == nil, err
}
