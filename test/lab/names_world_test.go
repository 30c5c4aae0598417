//go:build lab

package lab

import (
	"context"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/claims"
	"data-space.liqo.io/test/dnsclient"
)

// names is a cluster with Data Spacer and the demo in it, seen by a client of its DNS.
type names struct {
	kube    kubernetes.Interface
	guest   corev1.Pod
	space   *netns.Namespace // the guest's network
	cluster netip.AddrPort   // the cluster's own DNS
}

func newNames(t *testing.T) *names {
	t.Helper()
	deployed(t)
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	require.NoError(t, err)
	n := &names{}
	n.kube, err = kubernetes.NewForConfig(config)
	require.NoError(t, err)
	service, err := n.kube.CoreV1().Services("kube-system").Get(t.Context(), "kube-dns", metav1.GetOptions{})
	require.NoError(t, err)
	n.cluster = netip.AddrPortFrom(netip.MustParseAddr(service.Spec.ClusterIP), 53)
	pods, err := n.kube.CoreV1().Pods("pharma-space").List(t.Context(), metav1.ListOptions{LabelSelector: "app=pharma"})
	require.NoError(t, err)
	for _, pod := range pods.Items {
		if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			n.guest = pod
		}
	}
	n.space, err = claims.PodNetwork(n.guest)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.space.Close()) })
	return n
}

// kubectl runs with a manifest on its standard input.
func kubectl(t *testing.T, input string, args ...string) string {
	t.Helper()
	program := os.Getenv("KUBECTL")
	if program == "" {
		program = "kubectl"
	}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	command.Stdin = strings.NewReader(input)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "kubectl %v: %s", args, out)
	return string(out)
}

// clusterDNS asks the cluster's own DNS, as a pod that nobody guards would.
func (n *names) clusterDNS(t *testing.T, q dnsclient.Question) dnsclient.Answer {
	t.Helper()
	answer, err := dnsclient.Ask(t.Context(), n.cluster, q)
	require.NoError(t, err)
	return answer
}

// withSettings runs a program of the machine in the guest's network, with a file in the place of /etc/resolv.conf.
func (n *names) withSettings(t *testing.T, file string, command ...string) (text string, err error) {
	t.Helper()
	script := `mount --bind "$0" /etc/resolv.conf && exec "$@"`
	require.NoError(t, n.space.Do(func() error {
		var out []byte
		out, err = exec.Command("unshare", append([]string{"--mount", "sh", "-c", script, file}, command...)...).CombinedOutput()
		text = string(out)
		return nil
	}))
	return text, err
}

// asGuest asks from the guest's pod; the server that it names plays no part.
func (n *names) asGuest(t *testing.T, q dnsclient.Question) (answer dnsclient.Answer, err error) {
	t.Helper()
	err = n.space.Do(func() (err error) {
		answer, err = dnsclient.Ask(t.Context(), netip.MustParseAddrPort("198.51.100.253:53"), q)
		return err
	})
	return answer, err
}

// resolverEvents counts the Events of that reason on the resolver's Service since a moment.
func (n *names) resolverEvents(t *testing.T, reason string, since time.Time) int {
	t.Helper()
	list, err := n.kube.EventsV1().Events(apis.SystemNamespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	count := 0
	for _, event := range list.Items {
		latest := event.EventTime.Time
		if event.Series != nil {
			latest = event.Series.LastObservedTime.Time
		}
		if event.Reason == reason && event.Regarding.Name == apis.ResolverName && latest.After(since) {
			count++
		}
	}
	return count
}
