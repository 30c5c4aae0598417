package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"data-space.liqo.io/pkg/effects/xtables"
)

// usageError is a mistake in the call: exit status 2.
type usageError struct{ error }

// options are the flags, checked.
type options struct {
	kubeconfig, node, pod   string
	socket                  string // of the container runtime; empty: look for it
	backend                 xtables.Backend
	resync, verify          time.Duration
	metrics, health, status string
	state                   string
	level                   slog.Level
	enabled                 []string
	handlers                string // runtime handlers that are known to leave the network to the node's kernel
	gate                    gateOptions
	policy                  policyOptions
	record                  recordOptions
}

// Values of --enable.
const (
	featureRedirect = "redirect"
	featurePolicy   = "networkpolicy"
)

func features() []string { return []string{featureRedirect, featurePolicy} }

func (o *options) does(feature string) bool { return slices.Contains(o.enabled, feature) }

// Where the agent keeps what need not outlive the boot.
const (
	defaultStatusSocket = "/run/data-spacer/agent.sock"
	defaultState        = "/run/data-spacer/guarded"
)

func parse(args []string, getenv func(string) string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("agent", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, "agent enforces the foreign pods and the NetworkPolicies of its node.\n\n"+
			"Commands, each with --help: status (what it enforces), explain (why a connection is allowed or refused), requests (the record),\n"+
			"cleanup, install-cni, uninstall-cni (what it has put on the node).\n\nFlags:\n")
		f.PrintDefaults()
	}
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "`file` to reach the API server with; empty: the pod's service account")
	f.StringVar(&o.node, "node-name", getenv("NODE_NAME"), "`name` of this node; default: the environment variable NODE_NAME")
	f.StringVar(&o.pod, "pod-uid", getenv("POD_UID"), "`uid` of the agent's pod, for its Lease; default: the environment variable POD_UID")
	enable := f.String("enable", featureRedirect, "comma-separated `list` of what to enforce: redirect (all traffic of foreign pods passes their proxy), "+
		"networkpolicy (NetworkPolicy, for all pods of the node)")
	f.StringVar(&o.socket, "cri-socket", "", "`path` of the container runtime's socket; empty: the usual ones are tried")
	backend := f.String("iptables-backend", "auto", "auto, nft or legacy; auto: what the node's own rules are written with")
	f.DurationVar(&o.resync, "resync", 10*time.Second, "`time` between two looks at the runtime's whole list; its events are followed at once")
	f.DurationVar(&o.verify, "verify-interval", time.Minute, "`time` between two looks at the rules that the kernel holds for one pod")
	f.StringVar(&o.metrics, "metrics-bind-address", "127.0.0.1:13090", "`host:port` of /metrics; 0: none")
	f.StringVar(&o.health, "health-bind-address", "127.0.0.1:13091", "`host:port` of /healthz and /readyz; 0: none")
	f.StringVar(&o.status, "status-socket", defaultStatusSocket, "`path` of the unix socket that \"agent status\" asks")
	f.StringVar(&o.state, "state-dir", defaultState, "`folder` that remembers the guarded pods of this node across restarts")
	f.StringVar(&o.handlers, "runtime-handlers", "", "comma-separated `list` of runtime handlers, besides runc and crun, whose containers use "+
		"the node's kernel for their network; foreign pods of any other are quarantined")
	o.gate.flags(f)
	o.policy.flags(f)
	o.record.flags(f)
	level := f.String("log-level", "info", "debug, info, warn or error")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, usageError{err}
	}
	problems := []error{o.setFeatures(*enable), o.check(f.Args()), o.gate.check(), o.policy.check(), o.record.check(), o.setLevel(*level), o.setBackend(*backend)}
	if err := errors.Join(problems...); err != nil {
		return o, usageError{err}
	}
	return o, nil
}

func (o *options) check(rest []string) error {
	var problems []error
	say := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	say(len(rest) > 0, "%q: unknown argument; the commands are \"status\", \"explain\", \"requests\", \"cleanup\", \"install-cni\" and \"uninstall-cni\", everything else is a flag (--help)", rest)
	say(o.node == "", "--node-name: missing; give this node's name, or set the environment variable NODE_NAME (spec.nodeName)")
	say(o.resync < time.Second, "--resync=%s: too short; give at least 1s", o.resync)
	say(o.verify < time.Second, "--verify-interval=%s: too short; give at least 1s", o.verify)
	say(o.gate.mode == gateCNI && len(o.enabled) > 0 && !o.does(featureRedirect),
		"--gate=cni: holds pods until their redirect stands, which --enable does not name; add redirect there, or give --gate=off")
	say(!strings.HasPrefix(o.status, "/"), "--status-socket=%q: not an absolute path; give one, such as %s", o.status, defaultStatusSocket)
	say(!strings.HasPrefix(o.state, "/"), "--state-dir=%q: not an absolute path; give one on the node, such as /run/data-spacer/guarded", o.state)
	say(o.socket != "" && !strings.HasPrefix(strings.TrimPrefix(o.socket, "unix://"), "/"),
		"--cri-socket=%q: not an absolute path; give one, such as /run/containerd/containerd.sock, or nothing to look for it", o.socket)
	for name, address := range map[string]string{"metrics-bind-address": o.metrics, "health-bind-address": o.health} {
		if address == "0" {
			continue
		}
		_, _, err := net.SplitHostPort(address)
		say(err != nil, "--%s=%q: not host:port; give one, such as 127.0.0.1:13090, or 0 for none", name, address)
	}
	return errors.Join(problems...)
}

func (o *options) setLevel(text string) error {
	if err := o.level.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("--log-level=%q: unknown; give debug, info, warn or error", text)
	}
	return nil
}

func (o *options) setBackend(text string) error {
	switch text {
	case "auto":
	case string(xtables.NFT), string(xtables.Legacy):
		o.backend = xtables.Backend(text)
	default:
		return fmt.Errorf("--iptables-backend=%q: unknown; give auto, nft or legacy", text)
	}
	return nil
}

func (o *options) setFeatures(list string) error {
	for name := range strings.SplitSeq(list, ",") {
		if !slices.Contains(features(), name) {
			return fmt.Errorf("--enable=%q: %q is unknown; known: %s", list, name, strings.Join(features(), ", "))
		}
		o.enabled = append(o.enabled, name)
	}
	return nil
}
