package cniplugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"data-space.liqo.io/pkg/decisions/hold"
	"data-space.liqo.io/pkg/effects/buildinfo"
	"data-space.liqo.io/pkg/effects/spacefile"
	"data-space.liqo.io/pkg/values/gate"
)

const about = "data-space-cni: holds a foreign pod's start until the Data Spacer agent of this node has enforced it"

// Run executes CNI_COMMAND and returns the exit status. Input and output are as in the CNI specification: environment, standard
// input, standard output.
func Run(getenv func(string) string, stdout io.Writer) int {
	// DEL never fails and does not call the agent. The rules end with the network namespace, so that processes in it stay
	// contained until then. An invalid configuration must not stop a pod from being deleted.
	if getenv("CNI_COMMAND") == "DEL" {
		return 0
	}
	err := skel.PluginMainFuncsWithError(skel.CNIFuncs{Add: add, Check: check, GC: gc, Status: status}, version.All, about+" ("+buildinfo.Version()+")")
	if err == nil {
		return 0
	}
	if printErr := types.NewError(err.Code, err.Msg, err.Details).Print(); printErr != nil {
		fmt.Fprintln(stdout, err.Msg)
	}
	return 1
}

// add blocks until the agent's start verdict.
func add(args *skel.CmdArgs) error {
	c, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	if c.PrevResult == nil {
		return types.NewError(types.ErrInvalidNetworkConfig, gate.PluginType+" stands first in the plugin list: "+
			"it takes over the result of a plugin before it", "put its entry last; the agent does")
	}
	if err := pass(args, c, gate.Add); err != nil {
		return err
	}
	return types.PrintResult(c.PrevResult, c.CNIVersion)
}

// check reports whether the kernel still holds the pod's rules.
func check(args *skel.CmdArgs) error {
	c, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	return pass(args, c, gate.Check)
}

// gc has nothing to collect: the rules are in the pods' network namespaces and end with them.
func gc(*skel.CmdArgs) error { return nil }

// status never reports an error, even without an agent: a runtime reports the whole node as not ready after an error (containerd
// since 2.0), and then pods that are not foreign could not start. A foreign pod is refused in ADD.
func status(args *skel.CmdArgs) error {
	_, err := parse(args.StdinData)
	return err
}

// pass returns nil if the pod may start, or is as it should be, and otherwise why not.
func pass(args *skel.CmdArgs, c *conf, op gate.Op) error {
	p, ok := podOf(args.Args)
	if !ok {
		return nil
	}
	request := gate.Request{
		Op: op, Container: args.ContainerID, Netns: args.Netns,
		Namespace: p.namespace, Name: p.name, UID: p.uid, Mark: gate.MarkOf(c.annotations),
	}
	if c.PrevResult != nil {
		var err error
		if request.IPs, err = addresses(c.PrevResult); err != nil {
			return err
		}
	}
	answer, err := ask(context.Background(), c.entry.Socket, request)
	switch {
	case errors.Is(err, errAway):
		return alone(c, request, err)
	case err != nil:
		return refuse(hold.AgentAway, err.Error(), p)
	case answer.Verdict == gate.Refused:
		return refuse(answer.Reason, answer.Message, p)
	default:
		return nil
	}
}

// alone decides by what the agent left on the node.
func alone(c *conf, r gate.Request, away error) error {
	spaces, err := spacefile.Read(c.entry.Spaces)
	if err != nil {
		away = errors.Join(away, fmt.Errorf("the list of namespaces that it leaves on the node cannot be read: %w", err))
	}
	d := hold.Judge(hold.Known{
		Namespace: r.Namespace, Space: spaces.Lookup(r.Namespace), Mark: r.Mark,
		Exempt: slices.Contains(c.entry.Exempt, r.Namespace), Marks: c.entry.Marks, Alone: true,
	})
	if d.Verdict == hold.Pass {
		return nil
	}
	return refuse(d.Reason, fmt.Sprintf("%s (%v)", d.Message, away), pod{namespace: r.Namespace, name: r.Name})
}

// refuse is the error by which the runtime gives the sandbox up; the kubelet makes another (code 11: try again later).
func refuse(reason, message string, p pod) error {
	return types.NewError(types.ErrTryAgainLater, fmt.Sprintf("Data Spacer holds pod %s/%s (%s): %s", p.namespace, p.name, reason, message), "")
}
