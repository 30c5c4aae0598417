package proxymemory

import (
	"fmt"
	"maps"
	"time"
)

// silence is the shortest time between two reports about one pod, whichever of its proxy's containers they are about.
const silence = 10 * time.Minute

// Reports counts, pod by pod, the connections that were ended, and bounds how often that is reported. What it keeps is bounded by the pods of
// which some ended within the silence. It is for one goroutine.
type Reports struct {
	of map[string]*unreported // by UID
}

type unreported struct {
	until time.Time // nothing is reported before
	ended int
}

// Add counts connections of a pod's proxy that ended, or none. It returns how many there are to report: all since the pod's last report, or 0.
func (r *Reports) Add(now time.Time, uid string, ended int) int {
	p := r.of[uid]
	if p == nil {
		if ended == 0 {
			return 0
		}
		maps.DeleteFunc(r.of, func(_ string, p *unreported) bool { return !now.Before(p.until) })
		if r.of == nil {
			r.of = map[string]*unreported{}
		}
		p = &unreported{until: now}
		r.of[uid] = p
	}
	p.ended += ended
	if p.ended == 0 || now.Before(p.until) {
		return 0
	}
	all := p.ended
	p.ended, p.until = 0, now.Add(silence)
	return all
}

// Report is what happened to a pod of the namespace, and the remedy. limit is its proxy's, in bytes.
func Report(namespace string, ended int, limit int64) string {
	const mebi = 1 << 20
	return fmt.Sprintf("the kernel held more for the sockets of the pod's proxy than the proxy's memory limit of %d MiB has room for, so the agent has reset the connections that held most, "+
		"%d since the last such Event: their readers do not read what arrives. Have the guest's programs read it; or raise the limit (kubectl annotate namespace %s "+
		"--overwrite data-space.liqo.io/proxy-limits=memory=%dMi, or --proxy-limits of the webhook) and create the pod again", limit/mebi, ended, namespace, 2*limit/mebi)
}
