package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/workload"
)

// fakeCluster plays the API server: what its watches hold, and what is reported to it.
type fakeCluster struct {
	pods     map[string]workload.Pod // by namespace/name
	spaces   map[string]workload.Namespace
	away     bool // the API server does not answer, and the watches' first lists have not come
	reported []string
}

func newFakeCluster() *fakeCluster {
	return &fakeCluster{pods: map[string]workload.Pod{}, spaces: map[string]workload.Namespace{}}
}

func (c *fakeCluster) Run(context.Context, func()) error { return nil }
func (c *fakeCluster) Synced() bool                      { return !c.away }

func (c *fakeCluster) Problem() string {
	if c.away {
		return "connection refused"
	}
	return ""
}

func (c *fakeCluster) Pods(context.Context) ([]workload.Pod, error) {
	if c.away {
		return nil, nil
	}
	return slices.Collect(maps.Values(c.pods)), nil
}

func (c *fakeCluster) Namespaces(context.Context) ([]workload.Namespace, error) {
	var all []workload.Namespace
	for _, s := range c.spaces {
		if _, guest := s.Labels[apis.LabelRemoteCluster]; guest && !c.away {
			all = append(all, s)
		}
	}
	return all, nil
}

func (c *fakeCluster) Namespace(_ context.Context, name string) (workload.Namespace, bool, error) {
	if c.away {
		return workload.Namespace{}, false, errors.New("connection refused")
	}
	s, found := c.spaces[name]
	return s, found, nil
}

func (c *fakeCluster) Space(_ context.Context, name string) (workload.Namespace, bool, error) {
	s, found := c.spaces[name]
	return s, found && !c.away, nil
}

func (c *fakeCluster) Spaces(context.Context) ([]workload.Namespace, error) {
	return slices.Collect(maps.Values(c.spaces)), nil
}

func (c *fakeCluster) OnSpace(context.Context, func()) error { return nil }

func (c *fakeCluster) Normal(namespace, name, _, reason, _ string) {
	c.reported = append(c.reported, fmt.Sprintf("Event %s on %s/%s", reason, namespace, name))
}

func (c *fakeCluster) Warning(namespace, name, _, reason, _ string) {
	c.reported = append(c.reported, fmt.Sprintf("Warning %s on %s/%s", reason, namespace, name))
}

func (c *fakeCluster) Quarantined(namespace, name, _ string, quarantined bool, reason, _ string) {
	c.reported = append(c.reported, fmt.Sprintf("condition Quarantined=%t (%s) of %s/%s", quarantined, reason, namespace, name))
}
