package claims

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"data-space.liqo.io/pkg/effects/netns"
	"data-space.liqo.io/test/podcapture"
)

const (
	guestPoliciesPath = "/apis/data-space.liqo.io/v1alpha1/guestpolicies"
	pharmaCluster     = "pharma-cluster"

	askPeriod    = 20 * time.Millisecond // between two requests on a connection
	talkTime     = time.Second           // of which the captures see packets
	silence      = 3 * time.Second       // without a packet
	silenceLimit = 30 * time.Second      // for silence to begin; the claim's second is what is shown, on a machine of its own
)

// talker is a pod of the guest with an open connection on which it asks all the time.
type talker struct {
	pod      corev1.Pod
	activity *podcapture.Activity
	conn     net.Conn
}

// suspended has each of the guest's pods talk over an open connection while the guest is suspended, and notes each pod's last packet.
func (w *World) suspended(ctx context.Context) (observed string, err error) {
	if err := w.activate(ctx); err != nil {
		return "", err
	}
	running, stop := context.WithCancel(ctx)
	group, running := errgroup.WithContext(running)
	defer func() {
		stop()
		after := context.WithoutCancel(ctx)
		err = errors.Join(err, group.Wait(), w.activate(after))
		if err == nil {
			_, err = w.results(ctx)
		}
		if err == nil { // the kubelet's probes did not pass either
			err = w.rollouts(pharmaSpace, "deployment/pharma")(ctx)
		}
	}()
	talkers, err := w.talkers(running, group)
	if err != nil {
		return "", err
	}
	if err := talking(ctx, talkers); err != nil {
		return "", err
	}
	object := `{"apiVersion":"data-space.liqo.io/v1alpha1","kind":"GuestPolicy","metadata":{"name":"` + pharmaCluster + `"},"spec":{"state":"Suspended"}}`
	began := time.Now()
	if err := w.kube.Discovery().RESTClient().Post().AbsPath(guestPoliciesPath).Body([]byte(object)).Do(ctx).Error(); err != nil {
		return "", fmt.Errorf("create the GuestPolicy: %w", err)
	}
	var lines []string
	for _, t := range talkers {
		line, err := t.silent(ctx, began)
		if err != nil {
			return "", err
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ") + "; active again, /results works", nil
}

// activate deletes the GuestPolicy.
func (w *World) activate(ctx context.Context) error {
	err := w.kube.Discovery().RESTClient().Delete().AbsPath(guestPoliciesPath, pharmaCluster).Do(ctx).Error()
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// talkers starts a capture and a connection for each of the guest's pods.
func (w *World) talkers(ctx context.Context, group *errgroup.Group) ([]talker, error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return nil, err
	}
	hospital, err := w.serviceAddresses(ctx, hospitalSpace, "hospital")
	if err != nil {
		return nil, err
	}
	var all []talker
	for _, pod := range guests {
		t := talker{pod: pod}
		if err := w.open(ctx, &t, hospital[0].String()); err != nil {
			return nil, fmt.Errorf("%s on %s: %w", pod.Name, pod.Spec.NodeName, err)
		}
		group.Go(func() error { return t.activity.Run(ctx) })
		group.Go(func() error { t.talk(ctx); return nil })
		all = append(all, t)
	}
	if len(all) < 2 || all[0].pod.Spec.NodeName == all[len(all)-1].pod.Spec.NodeName {
		return nil, fmt.Errorf("%d pods of the guest, not on both nodes", len(all))
	}
	return all, nil
}

func (w *World) open(ctx context.Context, t *talker, host string) error {
	inside, err := PodNetwork(t.pod)
	if err != nil {
		return err
	}
	defer inside.Close()
	node, err := w.nodeNetwork(ctx, t.pod.Spec.NodeName)
	if err != nil {
		return err
	}
	defer node.Close()
	if t.conn, err = dialInside(inside, net.JoinHostPort(host, "80")); err != nil {
		return err
	}
	t.activity, err = podcapture.OpenActivity(node, inside)
	return err
}

func dialInside(inside *netns.Namespace, address string) (conn net.Conn, err error) {
	err = inside.Do(func() error {
		conn, err = net.DialTimeout("tcp", address, 30*time.Second)
		return err
	})
	return conn, err
}

// talk asks on the connection, again and again, until ctx ends or the connection does.
func (t talker) talk(ctx context.Context) {
	defer t.conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = t.conn.SetDeadline(time.Now()) })
	defer stop()
	answers := bufio.NewReader(t.conn)
	for ctx.Err() == nil {
		if _, err := io.WriteString(t.conn, "GET /healthz HTTP/1.1\r\nHost: hospital\r\n\r\n"); err != nil {
			return
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return
		}
		_, err = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if err != nil {
			return
		}
		time.Sleep(askPeriod)
	}
}

// talking waits until the captures have seen packets of each talker for a while.
func talking(ctx context.Context, talkers []talker) error {
	began := time.Now()
	_, err := until(ctx, func(context.Context) (any, error) {
		for _, t := range talkers {
			n, last := t.activity.Sent()
			if n < 10 || time.Since(last) > talkTime || time.Since(began) < talkTime {
				return nil, fmt.Errorf("%d packets have left %s on %s: the captures see no connection", n, t.pod.Name, t.pod.Spec.NodeName)
			}
		}
		return nil, nil
	})
	return err
}

// silent waits until nothing has left the pod for a while, and returns how long after the suspension the last packet did.
func (t talker) silent(ctx context.Context, began time.Time) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, silenceLimit+silence)
	defer cancel()
	return until(ctx, func(context.Context) (string, error) {
		n, last := t.activity.Sent()
		if time.Since(began) < silence || time.Since(last) < silence {
			return "", fmt.Errorf("%s on %s sends packets %s after the suspension", t.pod.Name, t.pod.Spec.NodeName, last.Sub(began).Round(time.Millisecond))
		}
		return fmt.Sprintf("%s: %d packets, the last one %s after the suspension", t.pod.Spec.NodeName, n, max(0, last.Sub(began)).Round(time.Millisecond)), nil
	})
}
