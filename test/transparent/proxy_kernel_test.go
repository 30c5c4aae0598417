//go:build kernel || transparent

package transparent

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/inject"
	"data-space.liqo.io/pkg/decisions/redirect"
	"data-space.liqo.io/pkg/effects/sockets"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/accept"
	"data-space.liqo.io/test/kit"
)

const (
	waitLong = time.Minute
	waitStep = 20 * time.Millisecond
)

// proxy is the Envoy of a foreign pod.
type proxy struct {
	command        *exec.Cmd
	stdout, stderr *kit.Output
}

// startProxy runs Envoy with the sidecar's arguments, user and lack of capabilities, in the cgroup box, and marks its
// listeners as the agent does.
func (p *place) startProxy(box kit.Cgroup, dns *place, settings envoy.Settings) {
	p.t.Helper()
	settings.GuestID, settings.Namespace, settings.IPv6, settings.ClusterDNS = "pharma", "pharma-space", true, []netip.Addr{dns.v4, dns.v6}
	config, err := envoy.Bootstrap(settings.Default())
	require.NoError(p.t, err)
	file := filepath.Join(p.t.TempDir(), "envoy.yaml")
	require.NoError(p.t, os.WriteFile(file, config, 0o600))
	script := fmt.Sprintf(`mount -t tmpfs none /run
mkdir -p %[1]s && chown 1303:1303 %[1]s
touch /run/envoy && mount --bind %[2]s /run/envoy
install -o 1303 -m 0400 %[3]s /run/envoy.yaml
exec setpriv --reuid 1303 --regid 1303 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
  /run/envoy -c /run/envoy.yaml "$@"`, apis.ProxyRuntimeDir, kit.Envoy(p.t), file)
	p.proxy = &proxy{stdout: &kit.Output{}, stderr: &kit.Output{}}
	p.proxy.command = box.Command(p.t, "unshare", append([]string{"--mount", "sh", "-ec", script, "sh"}, arguments(settings.Reader != "")...)...)
	p.proxy.command.Env = append(os.Environ(), "POD_NAME="+p.name)
	p.proxy.command.Stdout, p.proxy.command.Stderr = p.proxy.stdout, p.proxy.stderr
	p.start(p.proxy.command)
	p.t.Cleanup(func() {
		if p.t.Failed() {
			p.t.Log(p.name, warnings(p.proxy.stderr.String()))
		}
	})
	owner := sockets.Owner{PID: p.proxy.command.Process.Pid, Cgroup: box.Path} // the script and setpriv have become Envoy
	require.Eventually(p.t, func() bool {
		marked, err := sockets.MarkListeners(owner, redirect.SocketMark, redirect.MarkedPorts()...)
		return err == nil && len(marked.Ports) == len(redirect.MarkedPorts())
	}, waitLong, waitStep, "the proxy of %s starts", p.name)
	require.Eventually(p.t, func() bool {
		c, err := dns.dial(net.JoinHostPort(p.v4.String(), fmt.Sprint(apis.PortReady)))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, waitLong, waitStep, "the proxy of %s is ready", p.name)
}

// arguments are the sidecar's, without its configuration file.
func arguments(module bool) []string {
	limits := corev1.ResourceList{corev1.ResourceMemory: *resource.NewQuantity(256<<20, resource.BinarySI)}
	return inject.Sidecar(inject.Settings{Limits: limits, Module: module}).Command[3:]
}

// dial opens a connection from the pod.
func (p *place) dial(address string) (net.Conn, error) {
	var c net.Conn
	err := p.ns.Do(func() error {
		var err error
		c, err = net.DialTimeout("tcp", address, waitLong)
		return err
	})
	return c, err
}

// listen serves every connection to a port of the pod, on all of its addresses, until stop or the test's end.
func (p *place) listen(port int, serve func(net.Conn)) (stop func()) {
	p.t.Helper()
	var l net.Listener
	require.NoError(p.t, p.ns.Do(func() error {
		var err error
		l, err = net.Listen("tcp", net.JoinHostPort("::", fmt.Sprint(port)))
		return err
	}))
	p.t.Cleanup(func() { _ = l.Close() })
	go func() { _ = accept.Each(l, serve) }()
	return func() { _ = l.Close() }
}

// logged waits for the line of the proxy's log that fits, and returns it.
func (p *place) logged(t *testing.T, fits func(line map[string]any) bool) map[string]any {
	t.Helper()
	var found map[string]any
	require.Eventually(t, func() bool {
		for raw := range strings.Lines(p.proxy.stdout.String() + "\n" + p.proxy.stderr.String()) {
			line := map[string]any{}
			if json.Unmarshal([]byte(raw), &line) == nil && fits(line) {
				found = line
				return true
			}
		}
		return false
	}, waitLong, waitStep, "a line in the log of %s", p.name)
	return found
}

// warnings are the lines of Envoy's own log that are no record.
func warnings(log string) string {
	var all strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, "[warning]") || strings.Contains(line, "[error]") || strings.Contains(line, "[critical]") {
			all.WriteString(line)
		}
	}
	return all.String()
}
