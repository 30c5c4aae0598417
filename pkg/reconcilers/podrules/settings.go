package podrules

import (
	"context"
	"fmt"
	"log/slog"

	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/dataplane"
	"data-space.liqo.io/pkg/effects/droplog"
	"data-space.liqo.io/pkg/effects/netns"
)

// SettingsOf returns the settings of rules that this node's kernel can hold: it writes each ruleset that may be planned once, into a network
// namespace of its own. Without the match connbytes rules are planned that do not count, and without the target NFLOG rules that do not log, which
// is logged; any other lack is an error. logDrops: rules log what they drop, if the kernel can.
func SettingsOf(ctx context.Context, plane *dataplane.Dataplane, backend string, logDrops bool, logger *slog.Logger) (redirect.Settings, error) {
	settings := redirect.Settings{IPv6: netns.HasIPv6(), LogDrops: logDrops}
	lacks := []redirect.Settings{{}, {NoCounts: true}, {NoLog: true}, {NoCounts: true, NoLog: true}}
	if !logDrops {
		lacks = lacks[:2]
	}
	var first error
	for _, lack := range lacks {
		settings.NoCounts, settings.NoLog = lack.NoCounts, lack.NoLog
		err := check(ctx, plane, backend, settings)
		if first == nil {
			first = err
		}
		if err != nil {
			continue
		}
		if lack.NoCounts {
			logger.Warn("the kernel has no match connbytes (module xt_connbytes): a client that ends its side of a connection at once loses its answer", "error", first)
		}
		if lack.NoLog {
			logger.Warn("the kernel has no NFLOG (modules nfnetlink_log, and xt_NFLOG or nft_log): the destinations of dropped packets are not recorded", "error", first)
		}
		return settings, nil
	}
	return settings, first
}

// check writes each ruleset that may be planned with the settings. If rules log, the log is read before, for which the kernel loads the module that they need.
func check(ctx context.Context, plane *dataplane.Dataplane, backend string, settings redirect.Settings) error {
	if settings.LogDrops && !settings.NoLog {
		if err := tryLog(); err != nil {
			return err
		}
	}
	for _, sets := range redirect.All(settings) {
		if err := plane.Check(ctx, sets); err != nil {
			return fmt.Errorf("this node's kernel cannot hold the rules (iptables-%s): %w", backend, err)
		}
	}
	return nil
}

// tryLog listens to what rules log, in a network namespace of its own.
func tryLog() error {
	scratch, err := netns.Scratch()
	if err != nil {
		return err
	}
	defer scratch.Close()
	listener := droplog.New(redirect.DropGroup)
	defer listener.Forget("")
	return listener.Watch("", scratch)
}
