package podrules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"data-space.liqo.io/pkg/decisions/drift"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/ledger"
	"data-space.liqo.io/pkg/values/endpoint"
	"data-space.liqo.io/pkg/values/iptables"
)

// desired is the ruleset that the target's network namespace is to hold. Nothing runs in a newborn sandbox before its proxy
// does, so three chains that let nothing through are as good as all rules, and are written in no time.
func (e *Reconciler) desired(t endpoint.Target) []iptables.Ruleset {
	if t.Quarantined && !t.Suspended {
		return redirect.Quarantine(e.settings, t.Answered)
	}
	if t.Proxy.Cgroup == "" && e.memory.newborn(t.Sandbox, time.Now()) {
		if last, _ := e.parts.Store.Get(t.Sandbox); last.Plan == "" || e.shut(last) {
			return redirect.Shut(e.settings)
		}
	}
	return e.plan(t)
}

// written is the ruleset that Update wrote last, if it is one that the target without its proxy may have: a sandbox whose proxy does not
// start holds the three chains until the next verification, however long ago its start was. Otherwise it is the ruleset that is desired.
func (e *Reconciler) written(t endpoint.Target) []iptables.Ruleset {
	if last, known := e.parts.Store.Get(t.Sandbox); known && t.Proxy.Cgroup == "" && !t.Quarantined && e.shut(last) {
		return redirect.Shut(e.settings)
	}
	return e.desired(t)
}

// exempt returns the proxy as the rules name it.
func exempt(t endpoint.Target) redirect.Proxy {
	return redirect.Proxy{Cgroup: t.Proxy.Cgroup, Pod: redirect.PodCgroup(t.Proxy.Cgroup, t.Endpoint.UID)}
}

// plan is the whole of it.
func (e *Reconciler) plan(t endpoint.Target) []iptables.Ruleset {
	return redirect.Plan(e.settings, exempt(t))
}

// shut reports whether that is what was last written.
func (e *Reconciler) shut(last ledger.Entry) bool {
	return last.Plan == digest(redirect.Shut(e.settings))
}

// findings returns what had been changed in a network namespace besides the rules.
func findings(prepared []string) []drift.Finding {
	var all []drift.Finding
	for _, what := range prepared {
		all = append(all, drift.Finding{Family: "ip", Kind: drift.Changed, Where: "network namespace", What: what})
	}
	return all
}

// digest identifies what was asked for.
func digest(desired []iptables.Ruleset) string {
	hash := sha256.New()
	for _, set := range desired {
		fmt.Fprintf(hash, "%s\n%s", set.Family, set.Restore())
	}
	return hex.EncodeToString(hash.Sum(nil))
}
