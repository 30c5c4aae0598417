//go:build vm

package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/effects/hostlink"
	"data-space.liqo.io/pkg/effects/xtables"
	"data-space.liqo.io/test/kernels/vm"
	"data-space.liqo.io/test/kit"
	"data-space.liqo.io/test/leak/trial"
)

func TestMain(m *testing.M) { kit.Main(m) }

// TestAttackTheFamilies notes what each attempt gets out of a pod, in every setting. The judgement is not made here: it compares kernels.
func TestAttackTheFamilies(t *testing.T) {
	loadModules(t)
	e, notes := startEngine(t), newNotes(t)
	backend := xtables.Backend(os.Getenv("BACKEND"))
	user, err := strconv.Atoi(os.Getenv("TENANT"))
	require.NoError(t, err)
	var loaded sync.WaitGroup
	loaded.Add(2 * lanes()) // all at the same time: package kernels allows that
	for _, place := range []string{"routed", "bridged"} {
		for lane := range lanes() {
			t.Run(fmt.Sprintf("%s-%d", place, lane), func(t *testing.T) {
				t.Parallel()
				a := &assault{pod: newPod(t, place == "bridged"), engine: e, notes: notes, name: place + ", " + string(backend), user: user, lane: lane, loaded: &loaded}
				a.through(backend)
			})
		}
	}
}

// lanes are the pods of each place, which share the attempts: these wait most of the time, and the long form has many.
func lanes() int {
	if long() {
		return 3
	}
	return 1
}

// long reports whether every probe is to be tried.
func long() bool { return os.Getenv("LONG") != "" }

// loadModules loads what other distributions load on demand and Debian only by name. PPPoE and its like load by themselves.
func loadModules(t *testing.T) {
	t.Helper()
	started := time.Now()
	names := "appletalk llc2 ipx x25 ax25 netrom rose phonet pn_pep ieee802154_socket can-raw can-bcm can-isotp can-j1939 tipc rds rds_tcp smc qrtr " +
		"vsock vsock_loopback kcm rxrpc mctp bluetooth atm nfc caif caif_socket af_key decnet econet mISDN_core sctp dccp_ipv4 dccp_ipv6"
	_ = exec.Command("modprobe", append([]string{"-a"}, strings.Fields(names)...)...).Run() // a kernel need not have them all; with -q it would end at the first
	for _, name := range []string{"tipc", "rds_tcp", "rxrpc", "smc"} {                      // both have these
		require.DirExists(t, "/sys/module/"+name)
	}
	t.Logf("modules: %.1f s", time.Since(started).Seconds())
}

// assault is one pod under attack in one setting after the other.
type assault struct {
	*pod
	engine *engine
	notes  *notes
	name   string
	user   int
	lane   int
	loaded *sync.WaitGroup // until every pod's modules are
}

func (a *assault) through(b xtables.Backend) {
	host, err := hostlink.Open(fmt.Sprintf("/proc/%d/ns/net", a.node.PID()))
	require.NoError(a.t, err)
	a.t.Cleanup(func() { _ = host.Close() })
	plain := a.tenant("")
	a.try(Unguarded, plain)
	a.enforce(b)
	a.loaded.Done()
	a.loaded.Wait()
	// What there is has been loaded by now. The search for what there is not takes most of the time.
	require.NoError(a.t, os.WriteFile("/proc/sys/kernel/modprobe", []byte("\n"), 0o600))
	a.try(RulesOnly, plain)
	a.filter(host)
	a.try(RulesAndFilter, plain)
	require.NoError(a.t, host.Unfilter(a.NS, sandbox))
	confined := a.tenant(a.engine.profile)
	a.try(RulesAndProfile, confined)
	a.filter(host)
	a.try(Everything, confined)
}

// sandbox names the pod to the writer of filters.
const sandbox = "sandbox"

// filter has the agent's writer put its filter of frames on the pod's link.
func (a *assault) filter(host *hostlink.Host) {
	a.t.Helper()
	stands, err := host.Filter(a.NS, sandbox)
	require.NoError(a.t, err)
	require.Empty(a.t, stands.Open)
	a.t.Logf("frame filter: on the node %v, in the pod %v, missing %v", stands.Node, stands.Pod, stands.Missing)
}

// tenant starts the attacker.
func (a *assault) tenant(profile string) *trial.Attacker {
	a.t.Helper()
	name := strings.ReplaceAll(fmt.Sprintf("%s-%d-%d-%d", a.name, a.lane, a.user, len(profile)), ", ", "-")
	return a.engine.tenant(a.t, container{name: name, pod: a.pod, profile: profile, uid: a.user})
}

// notes is the file of results.
type notes struct {
	mu   sync.Mutex
	t    *testing.T
	file *os.File
}

func newNotes(t *testing.T) *notes {
	t.Helper()
	f, err := os.Create(filepath.Join(vm.SharedPath, ResultsFile))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, errors.Join(f.Sync(), f.Close())) })
	return &notes{t: t, file: f}
}

func (n *notes) add(r Result) {
	n.mu.Lock()
	defer n.mu.Unlock()
	require.NoError(n.t, json.NewEncoder(n.file).Encode(r))
}
