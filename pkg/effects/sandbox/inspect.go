package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/values/workload"
)

// Detail has the fields that List does not return for a sandbox.
type Detail struct {
	Ready       bool
	HostNetwork bool         // it uses the node's own network namespace
	IPs         []netip.Addr // as the CNI plugin answered: known before the API server knows them
	Netns       string       // a path that opens its network namespace from here
	Runtime     workload.Runtime
	Created     time.Time
}

// verboseInfo is what containerd and CRI-O put into the verbose answers' map, under "info", as JSON.
type verboseInfo struct {
	PID            int             `json:"pid"`
	RuntimeType    string          `json:"runtimeType"`    // containerd's
	RuntimeOptions json.RawMessage `json:"runtimeOptions"` // of a form of that runtime's own
	RuntimeSpec    struct {
		Annotations map[string]string `json:"annotations"`
		Process     struct {
			Capabilities struct {
				Bounding []string `json:"bounding"`
			} `json:"capabilities"`
		} `json:"process"`
		Linux struct {
			Namespaces []struct {
				Type string `json:"type"`
				Path string `json:"path"`
			} `json:"namespaces"`
		} `json:"linux"`
	} `json:"runtimeSpec"`
}

// Sandbox looks closer at one sandbox. errors.Is ErrGone if it is no longer there.
func (c *Client) Sandbox(ctx context.Context, id string) (Detail, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.cri.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if err != nil {
		return Detail{}, fmt.Errorf("status of sandbox %s: %w", id, plain(err))
	}
	s := answer.GetStatus()
	d := Detail{
		Ready:       s.GetState() == cri.PodSandboxState_SANDBOX_READY,
		HostNetwork: s.GetLinux().GetNamespaces().GetOptions().GetNetwork() == cri.NamespaceMode_NODE,
		Created:     time.Unix(0, s.GetCreatedAt()),
	}
	if !d.Ready || d.HostNetwork {
		return d, nil
	}
	if d.IPs, err = addresses(s.GetNetwork()); err != nil {
		return Detail{}, fmt.Errorf("status of sandbox %s: %w", id, err)
	}
	info, err := parseInfo(answer.GetInfo())
	if err != nil {
		return Detail{}, fmt.Errorf("status of sandbox %s: %w", id, err)
	}
	d.Runtime = workload.Runtime{Handler: handler(s, info), Type: info.RuntimeType, Binary: binary(info.RuntimeOptions)}
	d.Netns, err = c.host.netns(id, netnsPath(info), info.PID)
	return d, err
}

// Process finds a container's first process and its control group. errors.Is ErrGone if it has none: not yet, or no
// longer.
func (c *Client) Process(ctx context.Context, container string) (workload.Process, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.cri.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: container, Verbose: true})
	if err != nil {
		return workload.Process{}, fmt.Errorf("status of container %s: %w", container, plain(err))
	}
	switch answer.GetStatus().GetState() {
	case cri.ContainerState_CONTAINER_RUNNING, cri.ContainerState_CONTAINER_CREATED:
	default:
		return workload.Process{}, fmt.Errorf("container %s runs no process: %w", container, ErrGone)
	}
	info, err := parseInfo(answer.GetInfo())
	if err != nil {
		return workload.Process{}, fmt.Errorf("status of container %s: %w", container, err)
	}
	if info.PID <= 0 {
		return workload.Process{}, fmt.Errorf("container %s runs no process yet: %w", container, ErrGone)
	}
	return c.host.process(container, info.PID)
}

// crioHandler is the annotation in which CRI-O stores a sandbox's runtime handler: its status does not have it.
const crioHandler = "io.kubernetes.cri-o.RuntimeHandler"

// handler returns the name of the sandbox's runtime handler; empty is the default. CRI-O overwrites its annotations with the pod's
// labels and annotations. If one of these has the annotation's name, the value is not trusted, and handler returns a name that no
// runtime has.
func handler(s *cri.PodSandboxStatus, info verboseInfo) string {
	if name := s.GetRuntimeHandler(); name != "" {
		return name
	}
	for _, theirs := range []map[string]string{s.GetAnnotations(), s.GetLabels()} {
		if _, forged := theirs[crioHandler]; forged {
			return "(hidden by the pod's own " + crioHandler + ")"
		}
	}
	return info.RuntimeSpec.Annotations[crioHandler]
}

// binary returns the program that containerd's runc shim is configured to run; other shims' options have none.
func binary(options json.RawMessage) string {
	var runc struct {
		Binary string `json:"binary_name"`
	}
	_ = json.Unmarshal(options, &runc) // of another form: none
	return runc.Binary
}

func parseInfo(answer map[string]string) (verboseInfo, error) {
	var info verboseInfo
	text, ok := answer["info"]
	if !ok {
		return info, fmt.Errorf("the runtime's verbose answer has no \"info\": containerd and CRI-O give one, is it another?")
	}
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		return info, fmt.Errorf("the runtime's verbose answer is not as expected: %w", err)
	}
	return info, nil
}

// netnsPath is the runtime's own name for the sandbox's network namespace; empty if it gives none.
func netnsPath(info verboseInfo) string {
	for _, n := range info.RuntimeSpec.Linux.Namespaces {
		if n.Type == "network" {
			return n.Path
		}
	}
	return ""
}

func addresses(n *cri.PodSandboxNetworkStatus) ([]netip.Addr, error) {
	texts := []string{n.GetIp()}
	for _, more := range n.GetAdditionalIps() {
		texts = append(texts, more.GetIp())
	}
	var out []netip.Addr
	for _, t := range texts {
		if t == "" {
			continue
		}
		ip, err := netip.ParseAddr(t)
		if err != nil {
			return nil, fmt.Errorf("the runtime names a pod IP that is none: %w", err)
		}
		out = append(out, ip.Unmap())
	}
	return out, nil
}
