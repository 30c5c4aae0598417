package podwatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"k8s.io/client-go/rest"
)

// Connection is how an agent reaches the API server about its pods.
type Connection struct {
	*Watch
	Events     *Events
	Conditions *Conditions
}

// Connect asks the API server once. An API server that refuses ends the start; so does one that is not reached when no pod is guarded yet. An
// agent that guards pods already goes on without it. source says where api comes from, and component who reports the Events.
func Connect(ctx context.Context, api *rest.Config, node, component, source string, guarded int, logger *slog.Logger) (Connection, error) {
	var c Connection
	var err error
	if c.Watch, err = newWatch(api, node, logger); err != nil {
		return c, err
	}
	if c.Events, err = newEvents(api, component, node); err != nil {
		return c, err
	}
	if c.Conditions, err = newConditions(api, logger); err != nil {
		return c, err
	}
	err = c.Check(ctx)
	switch {
	case err == nil:
	case errors.Is(err, errRefused):
		return c, fmt.Errorf("the API server at %s refuses %s: %w; give a kubeconfig whose user may get, list and watch "+
			"pods and namespaces and create and patch events (ClusterRole %s)", api.Host, source, err, component)
	case guarded == 0:
		return c, fmt.Errorf("the API server at %s, named by %s, cannot be reached: %w; is the address right, and does this "+
			"node have a route to it?", api.Host, source, err)
	default:
		logger.Warn("the API server cannot be reached: existing rules stay, the pods guarded before stay enforced, and it is tried on",
			"server", api.Host, "guarded", guarded, "error", err)
	}
	return c, nil
}
