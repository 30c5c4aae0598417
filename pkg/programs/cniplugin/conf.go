package cniplugin

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"data-space.liqo.io/pkg/values/gate"
)

// conf is what the runtime hands to the plugin on its standard input.
type conf struct {
	types.PluginConf
	entry gate.Entry

	annotations map[string]string // of the pod, if the runtime hands them on
}

// parse reads the configuration that the runtime writes to the plugin's standard input (CNI specification 1.0, section 3). The pod's annotations
// are there if the runtime knows the capability io.kubernetes.cri.pod-annotations.
func parse(stdin []byte) (*conf, error) {
	var c conf
	var given struct {
		RuntimeConfig struct {
			Annotations map[string]string `json:"io.kubernetes.cri.pod-annotations"`
		} `json:"runtimeConfig"`
	}
	for _, part := range []any{&c.PluginConf, &c.entry, &given} {
		if err := json.Unmarshal(stdin, part); err != nil {
			return nil, fmt.Errorf("read the plugin's configuration: %w", err)
		}
	}
	c.annotations = given.RuntimeConfig.Annotations
	if c.entry.Socket == "" {
		c.entry.Socket = gate.Socket
	}
	if c.entry.Spaces == "" {
		c.entry.Spaces = gate.SpacesFile
	}
	if err := version.ParsePrevResult(&c.PluginConf); err != nil {
		return nil, err
	}
	return &c, nil
}

// pod is the pod that the runtime names in CNI_ARGS, by the keys that containerd and CRI-O use.
type pod struct{ namespace, name, uid string }

// podOf reads CNI_ARGS. ok is false for a container that is not Kubernetes'.
func podOf(args string) (p pod, ok bool) {
	for pair := range strings.SplitSeq(args, ";") {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "K8S_POD_NAMESPACE":
			p.namespace = value
		case "K8S_POD_NAME":
			p.name = value
		case "K8S_POD_UID":
			p.uid = value
		}
	}
	return p, p.namespace != ""
}

// addresses are those that the plugins before gave to the pod's side.
func addresses(r types.Result) ([]netip.Addr, error) {
	result, err := current.GetResult(r)
	if err != nil {
		return nil, fmt.Errorf("read the result of the plugins before: %w", err)
	}
	var out []netip.Addr
	for _, ip := range result.IPs {
		if i := ip.Interface; i != nil && *i >= 0 && *i < len(result.Interfaces) && result.Interfaces[*i].Sandbox == "" {
			continue // the node's end
		}
		if addr, ok := netip.AddrFromSlice(ip.Address.IP); ok {
			out = append(out, addr.Unmap())
		}
	}
	return out, nil
}
