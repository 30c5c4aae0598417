//go:build lab

package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A sight is one expectation, "a1 > b2:8080 yes", for each family.
type sight struct {
	text string
	from *home
	to   netip.AddrPort
	who  string // answers; empty: nobody does
}

// sights reads lines of "FROM > TO:PORT yes|no". TO is a pod of the town, or a Service of it whose name begins with
// "service-" and goes on with the pod behind it.
func (w *town) sights(t *testing.T, lines ...string) []sight {
	t.Helper()
	var found []sight
	for _, line := range lines {
		words := strings.Fields(line)
		require.Len(t, words, 4, line)
		target, number, _ := strings.Cut(words[2], ":")
		port, err := strconv.ParseUint(number, 10, 16)
		require.NoError(t, err, line)
		who := ""
		if words[3] == "yes" {
			who = strings.TrimPrefix(target, "service-")
		}
		for _, address := range w.addresses(t, target) {
			require.Contains(t, w.homes, words[0], line)
			found = append(found, sight{line, w.homes[words[0]], netip.AddrPortFrom(address, uint16(port)), who})
		}
	}
	return found
}

func (w *town) addresses(t *testing.T, target string) []netip.Addr {
	t.Helper()
	var found []netip.Addr
	if strings.HasPrefix(target, "service-") {
		service, err := w.Kube.CoreV1().Services(w.name).Get(context.Background(), target, metav1.GetOptions{})
		require.NoError(t, err)
		for _, ip := range service.Spec.ClusterIPs {
			found = append(found, netip.MustParseAddr(ip))
		}
		return found
	}
	require.Contains(t, w.homes, target)
	for _, ip := range w.homes[target].pod.Status.PodIPs {
		found = append(found, netip.MustParseAddr(ip.IP))
	}
	return found
}

// see tries all at once until each is as expected, and once more a little later.
func (w *town) see(t *testing.T, lines ...string) {
	t.Helper()
	all := w.sights(t, lines...)
	var wrong []string
	require.Eventually(t, func() bool {
		wrong = look(all)
		return len(wrong) == 0
	}, 3*patient, 100*time.Millisecond, "%v", &wrong)
	time.Sleep(300 * time.Millisecond)
	require.Empty(t, look(all), "and it stays so")
}

// look returns what is not as expected.
func look(all []sight) []string {
	var mu sync.Mutex
	var wrong []string
	var group sync.WaitGroup
	for _, s := range all {
		group.Go(func() {
			wait := patient
			if s.who == "" {
				wait = brief
			}
			if who, err := s.from.reaches(s.to, wait); who != s.who {
				mu.Lock()
				defer mu.Unlock()
				wrong = append(wrong, fmt.Sprintf("%s (%s): %q %v", s.text, s.to, who, err))
			}
		})
	}
	group.Wait()
	return wrong
}

// watch tries each line again and again until stop, which returns how often something else was seen, and what.
func (w *town) watch(t *testing.T, lines ...string) (stop func() (looks int, wrong []string)) {
	t.Helper()
	all, ctx := w.sights(t, lines...), context.Background()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	looks, wrong := 0, []string{}
	go func() {
		defer close(done)
		for ; ctx.Err() == nil; looks++ {
			wrong = append(wrong, look(all)...)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return func() (int, []string) {
		cancel()
		<-done
		return looks, wrong
	}
}
