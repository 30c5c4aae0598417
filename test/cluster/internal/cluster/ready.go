package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// until repeats ask until it succeeds. When the time is over it returns ask's last error.
func until(ctx context.Context, limit time.Duration, ask func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := ask(limited)
		if err == nil {
			return nil
		}
		select {
		case <-limited.Done():
		case <-time.After(200 * time.Millisecond):
		}
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted: %w", ctx.Err())
		}
		if limited.Err() != nil {
			return fmt.Errorf("gave up after %s: %w", limit, err)
		}
	}
}

// node is what the lab wants to know of a Node.
type node struct {
	Metadata struct{ Name string }
	Status   struct {
		Conditions []struct{ Type, Status, Message string }
	}
}

// notReady says why a node is not ready; it is empty when it is.
func (n node) notReady() string {
	for _, c := range n.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" {
			return ""
		}
		if c.Type == "Ready" {
			return c.Message
		}
	}
	return "has not reported yet"
}

// nodesReady fails unless every node of the plan is registered and Ready.
func (c *Cluster) nodesReady(ctx context.Context) error {
	text, err := c.kubectl(ctx, "", "get", "nodes", "--output=json")
	if err != nil {
		return err
	}
	var list struct{ Items []node }
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("read the list of nodes: %w", err)
	}
	reasons := map[string]string{}
	for _, n := range list.Items {
		reasons[n.Metadata.Name] = n.notReady()
	}
	for _, n := range c.Lab.Nodes {
		why, registered := reasons[n.Name]
		if !registered {
			return fmt.Errorf("node %s is not registered (its kubelet's log: %s/kubelet.log)", n.Name, c.Dirs.Logs(n.Name))
		}
		if why != "" {
			return fmt.Errorf("node %s is not ready: %s", n.Name, why)
		}
	}
	return nil
}

// podRanges writes into each Node which addresses its pods get. Where a cluster's controller-manager hands ranges out, the CNI
// configuration follows the Node; here the configuration comes first.
func (c *Cluster) podRanges(ctx context.Context) error {
	for _, n := range c.Lab.Nodes {
		patch := fmt.Sprintf(`{"spec":{"podCIDR":%q,"podCIDRs":[%q,%q]}}`, n.PodsV4, n.PodsV4, n.PodsV6)
		if _, err := c.kubectl(ctx, "", "patch", "node", n.Name, "--type=merge", "--patch="+patch); err != nil {
			return err
		}
	}
	return nil
}
