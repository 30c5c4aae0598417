package sandbox

import (
	"context"
	"encoding/json"
	"fmt"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Network is what the runtime reports of its CNI configuration.
type Network struct {
	Ready bool // it has one, and could connect pods

	// What only containerd reports. Conf is empty where the runtime does not.
	Conf    string   // the folder of configurations, as a path of the node
	Bins    []string // the folders of plugins
	Plugins []string // the types of the plugins in the configuration that it has loaded
}

// Network asks the runtime.
func (c *Client) Network(ctx context.Context) (Network, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.cri.Status(ctx, &cri.StatusRequest{Verbose: true})
	if err != nil {
		return Network{}, fmt.Errorf("ask the container runtime for its CNI configuration: %w", plain(err))
	}
	var n Network
	for _, condition := range answer.GetStatus().GetConditions() {
		if condition.GetType() == cri.NetworkReady {
			n.Ready = condition.GetStatus()
		}
	}
	if text := answer.GetInfo()["cniconfig"]; text != "" {
		n.loaded(text)
	}
	return n, nil
}

// loaded reads containerd's account (go-cni's ConfigResult). What it does not understand counts as not reported.
func (n *Network) loaded(text string) {
	var config struct {
		PluginDirs    []string
		PluginConfDir string
		Networks      []struct {
			Config struct {
				Plugins []struct {
					Network struct {
						Type string `json:"type"`
					}
				}
			}
		}
	}
	if json.Unmarshal([]byte(text), &config) != nil {
		return
	}
	n.Conf, n.Bins = config.PluginConfDir, config.PluginDirs
	for _, network := range config.Networks {
		for _, p := range network.Config.Plugins {
			n.Plugins = append(n.Plugins, p.Network.Type)
		}
	}
}
