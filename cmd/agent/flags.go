package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/nodepolicy"
)

// options are the flags, checked.
type options struct {
	kubeconfig, node, pod   string
	socket                  string // of the container runtime; empty: look for it
	backend                 string // value of --iptables-backend
	resync, verify          time.Duration
	metrics, health, status string
	metricsCert             string
	state                   string
	log                     cli.Log
	enabled                 []string
	destinations            bool   // of dropped packets are recorded
	handlers                string // runtime handlers that are known to leave the network to the node's kernel
	gate                    gateOptions
	policy                  nodepolicy.Options
	record                  recordOptions
	facts                   factOptions
}

// Values of --enable.
const (
	featureRedirect = "redirect"
	featurePolicy   = "networkpolicy"
)

func features() []string { return []string{featureRedirect, featurePolicy} }

func (o *options) does(feature string) bool { return slices.Contains(o.enabled, feature) }

// flags adds all flags; check has what they accept together.
func (o *options) flags(f *pflag.FlagSet, getenv func(string) string) {
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "`file` to reach the API server with; empty: the pod's service account")
	f.StringVar(&o.node, "node-name", getenv("NODE_NAME"), "`name` of this node; default: the environment variable NODE_NAME")
	f.StringVar(&o.pod, "pod-uid", getenv("POD_UID"), "`uid` of the agent's pod, for its Lease; default: the environment variable POD_UID")
	cli.Var(f, "enable", "comma-separated `list` of what to enforce: redirect (all traffic of foreign pods passes their proxy), "+
		"networkpolicy (NetworkPolicy, for all pods of the node) (default redirect)", &o.enabled, parseFeatures)
	o.enabled = []string{featureRedirect}
	f.StringVar(&o.socket, "cri-socket", "", "`path` of the container runtime's socket; empty: the usual ones are tried")
	cli.Choice(f, "iptables-backend", "what rules are written with; auto: what the node's own rules are written with", &o.backend, "auto", string(xtables.NFT), string(xtables.Legacy))
	f.DurationVar(&o.resync, "resync", 10*time.Second, "`time` between two looks at the runtime's whole list; its events are followed at once")
	f.DurationVar(&o.verify, "verify-interval", time.Minute, "`time` between two looks at the rules that the kernel holds for one pod")
	f.StringVar(&o.metrics, "metrics-bind-address", "127.0.0.1:13090", "`host:port` of /metrics; 0: none")
	cli.MetricsCertDir(f, &o.metricsCert)
	f.StringVar(&o.health, "health-bind-address", "127.0.0.1:13091", "`host:port` of /healthz and /readyz; 0: none")
	f.StringVar(&o.status, "status-socket", defaultStatusSocket, "`path` of the unix socket that \"agent status\" asks")
	f.StringVar(&o.state, "state-dir", defaultState, "`folder` that remembers the guarded pods of this node across restarts")
	f.StringVar(&o.handlers, "runtime-handlers", "", "comma-separated `list` of runtime handlers, besides runc and crun, whose containers use the node's kernel for their network; foreign pods of any other are quarantined")
	f.BoolVar(&o.destinations, "drop-destinations", false, "record the destinations of packets that the rules of foreign pods drop, if the kernel can log packets (NFLOG)")
	o.gate.flags(f)
	policyFlags(f, &o.policy)
	o.record.flags(f)
	o.facts.flags(f)
	o.log.Flags(f)
}

// check reports everything that is wrong with the flags.
func (o *options) check() error {
	return errors.Join(o.checkOwn(), o.gate.check(), o.policy.Check(), o.record.check(), o.facts.check())
}

func (o *options) checkOwn() error {
	var problems []error
	say := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	say(o.node == "", "--node-name: missing; give this node's name, or set the environment variable NODE_NAME (spec.nodeName)")
	say(o.node != "" && len(validation.IsDNS1123Subdomain(o.node)) > 0,
		"--node-name=%q: not the name of a node; give this node's name, or correct the environment variable NODE_NAME (spec.nodeName)", o.node)
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

// parseFeatures reads --enable.
func parseFeatures(text string) ([]string, error) {
	enabled := strings.Split(text, ",")
	for _, name := range enabled {
		if !slices.Contains(features(), name) {
			return nil, fmt.Errorf("%q is unknown; known: %s", name, strings.Join(features(), ", "))
		}
	}
	return enabled, nil
}
