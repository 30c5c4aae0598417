package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"time"
)

// Where the two meet. The socket does not outlive the boot; the list of namespaces must.
const (
	Socket     = "/run/data-spacer/gate.sock"
	SpacesFile = "/var/lib/data-spacer/namespaces.json"
)

// Version of the messages. Another one is refused, so that an old plugin and a new agent never misunderstand each other.
const Version = 1

// Bounds of the messages, in bytes, newline included.
const (
	MaxRequest = 16 << 10
	MaxAnswer  = 64 << 10
)

// How long the plugin waits. The agent answers within Decision, if only that it is at work; then within Enforcement.
// The kubelet waits for two minutes and more (runtimeRequestTimeout).
const (
	Decision    = 3 * time.Second
	Enforcement = 40 * time.Second
)

// Op is what is asked for.
type Op string

// The operations.
const (
	Add       Op = "add"        // hold the pod until it is safe
	Check     Op = "check"      // does the kernel still hold what was written?
	StandDown Op = "stand-down" // the CNI configuration is given up: do not put it back any more
)

// Request is the plugin's question about one pod sandbox.
type Request struct {
	Version   int          `json:"version"`
	Op        Op           `json:"op"`
	Container string       `json:"container,omitempty"` // the runtime's id of the sandbox
	Netns     string       `json:"netns,omitempty"`     // path, as the runtime sees it
	Namespace string       `json:"namespace,omitempty"`
	Name      string       `json:"name,omitempty"`
	UID       string       `json:"uid,omitempty"`
	IPs       []netip.Addr `json:"ips,omitempty"` // what the plugins before gave the pod
	Mark      Mark         `json:"mark,omitzero"`
}

// Verdict is the agent's answer.
type Verdict string

// The verdicts.
const (
	Working  Verdict = "working"  // the pod is foreign, its rules are being written: another answer follows
	Pass     Verdict = "pass"     // not for Data Spacer to hold
	Enforced Verdict = "enforced" // the kernel holds the rules
	Refused  Verdict = "refused"  // the pod must not start
)

// Answer is one answer. Reason is a word for machines, Message a sentence for people that names the way out.
type Answer struct {
	Version int     `json:"version"`
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason,omitempty"`
	Message string  `json:"message,omitempty"`
	Facts   *Facts  `json:"facts,omitempty"`
}

// Facts is what the kernel holds, read back from it.
type Facts struct {
	Guest   string                    `json:"guest,omitempty"` // cluster id
	Netns   uint64                    `json:"netns"`           // inode
	Backend string                    `json:"backend"`
	Hash    string                    `json:"hash"`
	Rules   map[string]map[string]int `json:"rules,omitempty"` // family, table: number of rules
	Drift   []string                  `json:"drift,omitempty"`
}

// Final reports whether no other answer follows.
func (a Answer) Final() bool { return a.Verdict != Working }

var (
	errVersion   = errors.New("another version of the protocol: the CNI plugin and the agent on this node are of different releases; restart the agent, which installs its own plugin")
	containerIDs = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}$`)
	objectNames  = regexp.MustCompile(`^[a-z0-9]([a-z0-9.\-]{0,251}[a-z0-9])?$`)
)

const maxIPs = 16

// Encode returns the message as one line.
func Encode(message any) ([]byte, error) {
	text, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return append(text, '\n'), nil
}

// DecodeRequest parses and checks a request.
func DecodeRequest(line []byte) (Request, error) {
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("read request: %w", err)
	}
	if r.Version != Version {
		return r, fmt.Errorf("request of version %d: %w", r.Version, errVersion)
	}
	switch r.Op {
	case StandDown:
		return r, nil
	case Add, Check:
		return r, r.check()
	default:
		return r, fmt.Errorf("request: unknown operation %q", r.Op)
	}
}

func (r Request) check() error {
	switch {
	case !containerIDs.MatchString(r.Container):
		return fmt.Errorf("request: container id %q is none", r.Container)
	case !path.IsAbs(r.Netns) || path.Clean(r.Netns) != r.Netns:
		return fmt.Errorf("request: network namespace %q is no clean absolute path", r.Netns)
	case !objectNames.MatchString(r.Namespace) || !objectNames.MatchString(r.Name):
		return fmt.Errorf("request: %q/%q is no pod's name", r.Namespace, r.Name)
	case len(r.UID) > 128:
		return errors.New("request: the pod's uid is too long")
	case len(r.IPs) > maxIPs:
		return fmt.Errorf("request: %d addresses are more than a pod has", len(r.IPs))
	}
	return nil
}

// DecodeAnswer parses and checks an answer.
func DecodeAnswer(line []byte) (Answer, error) {
	var a Answer
	if err := json.Unmarshal(line, &a); err != nil {
		return a, fmt.Errorf("read answer: %w", err)
	}
	if a.Version != Version {
		return a, fmt.Errorf("answer of version %d: %w", a.Version, errVersion)
	}
	switch a.Verdict {
	case Working, Pass, Enforced, Refused:
		return a, nil
	default:
		return a, fmt.Errorf("answer: unknown verdict %q", a.Verdict)
	}
}
