package podrules

import (
	"context"
	"fmt"
	"log/slog"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/netns"
)

// SettingsOf returns the settings of rules that this node's kernel can hold: it writes each ruleset that may be planned once, into a network
// namespace of its own. Without the match connbytes rules are planned that do not count, which is logged; any other lack is an error.
func SettingsOf(ctx context.Context, plane *dataplane.Dataplane, backend string, logger *slog.Logger) (redirect.Settings, error) {
	settings := redirect.Settings{IPv6: netns.HasIPv6()}
	check := func() error {
		for _, sets := range redirect.All(settings) {
			if err := plane.Check(ctx, sets); err != nil {
				return fmt.Errorf("this node's kernel cannot hold the rules (iptables-%s): %w", backend, err)
			}
		}
		return nil
	}
	first := check()
	if first == nil {
		return settings, nil
	}
	settings.NoCounts = true
	if check() != nil {
		return settings, first
	}
	logger.Warn("the kernel has no match connbytes (module xt_connbytes): a client that ends its side of a connection at once loses its answer", "error", first)
	return settings, nil
}
