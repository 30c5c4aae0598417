package claims

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"data-space.liqo.io/test/claims/accesslog"
	"data-space.liqo.io/test/podcapture"
)

// containment runs the attacks once; its rows are different views of them.
type containment struct {
	world   *World
	start   time.Time
	attacks []attack
	control attack // from a pod without a guard
}

var errNoCapture = errors.New("there is no capture to look at: the attempts failed")

// contained makes all attempts from all of the guest's pods at once, while each pod's packets are captured on the
// node's end of its veth, and reports what was not the proxy's.
func (c *containment) contained(ctx context.Context) (string, error) {
	observed := ""
	err := c.world.Openly(ctx, func() (err error) {
		observed, err = captured(func() (string, podcapture.Verdict, error) { return c.attempt(ctx) })
		return err
	})
	return observed, err
}

// captured makes an experiment again, up to three times in all, while its only fault are connections that ended before
// the kernel could be asked whose they were: on a busy machine that happens, and proves nothing either way. A leak does
// not go away by being looked at again, and only a capture without any fault counts.
func captured(experiment func() (string, podcapture.Verdict, error)) (string, error) {
	for try := 1; ; try++ {
		observed, verdict, err := experiment()
		switch {
		case err != nil:
			return "", err
		case len(verdict.Leaks) == 0 && try > 1:
			return fmt.Sprintf("%s (capture %d)", observed, try), nil
		case len(verdict.Leaks) == 0:
			return observed, nil
		case verdict.Unseen < len(verdict.Leaks) || try == 3:
			return "", fmt.Errorf("%d flows left without the proxy: %s", len(verdict.Leaks), tail(strings.Join(verdict.Leaks, "; ")))
		}
	}
}

func (c *containment) attempt(ctx context.Context) (string, podcapture.Verdict, error) {
	c.start = time.Now().Add(-time.Second)
	total := podcapture.Verdict{}
	attacks, control, err := c.world.attackAll(ctx)
	if err != nil {
		return "", total, err
	}
	c.attacks, c.control = attacks, control
	lines := []string{}
	for _, a := range c.attacks {
		lines = append(lines, fmt.Sprintf("%s: %d attempts, %d packets left: TCP %d and DNS %d of the proxy's sockets, other %d",
			a.where, len(a.answers), a.verdict.Packets, a.verdict.ProxyTCP, a.verdict.ProxyDNS,
			a.verdict.Packets-a.verdict.ProxyTCP-a.verdict.ProxyDNS-a.verdict.Refusals))
		total.Leaks, total.Unseen = append(total.Leaks, a.verdict.Leaks...), total.Unseen+a.verdict.Unseen
	}
	return strings.Join(lines, "; "), total, nil
}

// awake proves that the captures were not blind: they saw the proxy go to the restricted addresses, and its DNS.
func (c *containment) awake(context.Context) (string, error) {
	if len(c.attacks) == 0 {
		return "", errNoCapture
	}
	lines := []string{}
	for _, a := range c.attacks {
		line := fmt.Sprintf("%s: %d packets to the restricted addresses, %d of DNS", a.where, len(a.aimed), a.verdict.ProxyDNS)
		if len(a.aimed) == 0 || a.verdict.ProxyDNS == 0 {
			return "", errors.New(line)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; "), nil
}

// escapes proves that the same attempts leave a pod without a guard, and that the judge reports all of them as leaks.
func (c *containment) escapes(context.Context) (string, error) {
	if c.control.where == "" {
		return "", errNoCapture
	}
	verdict, seen := c.control.verdict, kinds(c.control.aimed)
	if verdict.ProxyTCP+verdict.ProxyDNS > 0 {
		return "", fmt.Errorf("%d packets are taken for a proxy's in a pod without a proxy", verdict.ProxyTCP+verdict.ProxyDNS)
	}
	for _, kind := range c.control.expected {
		if !slices.Contains(seen, kind) {
			return "", fmt.Errorf("%s: no %s, only %s", c.control.where, kind, strings.Join(seen, ", "))
		}
	}
	return fmt.Sprintf("%s: %s; %d packets, %d flows", c.control.where, strings.Join(seen, ", "), verdict.Packets, len(verdict.Leaks)), nil
}

// known compares what the attackers were answered over TCP with their proxies' logs: what got somewhere was seen.
func (c *containment) known(ctx context.Context) (string, error) {
	if len(c.attacks) == 0 {
		return "", errNoCapture
	}
	return until(ctx, func(ctx context.Context) (string, error) {
		got, seen := 0, 0
		for _, a := range c.attacks {
			log, err := c.world.accessLog(ctx, a.pod, c.start)
			if err != nil {
				return "", err
			}
			got, seen = got+answered(a.answers), seen+probed(log)
		}
		if seen < got {
			return "", fmt.Errorf("%d attempts were answered over TCP, the proxies' logs have %d", got, seen)
		}
		return fmt.Sprintf("%d attempts were answered, each by way of a proxy: %d lines in their logs", got, seen), nil
	})
}

// answered counts the attempts that got an HTTP answer.
func answered(lines []string) int {
	n := 0
	for _, line := range lines {
		if strings.Contains(line, "\tanswered HTTP/") {
			n++
		}
	}
	return n
}

// probed counts the log's lines about the probe's requests. One that was written later than the proxy waits to recognise
// HTTP, as happens on a busy machine, stands there as a TCP connection.
func probed(log []accesslog.Entry) int {
	n := 0
	for _, entry := range log {
		if entry.Direction == "egress" && (entry.Path == "/probe" || entry.Kind == "tcp" && entry.BytesSent > 0) {
			n++
		}
	}
	return n
}
