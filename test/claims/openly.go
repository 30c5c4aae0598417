package claims

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Openly lets the guest's pods go anywhere, by a NetworkPolicy beside the controller's, while do runs. Containment is one
// thing, NetworkPolicy another, and neither shall hide behind the other: besides, a node that refuses a connection at
// once ends its socket before a capture can ask whose it is.
func (w *World) Openly(ctx context.Context, do func() error) (err error) {
	policies := w.kube.NetworkingV1().NetworkPolicies(pharmaSpace)
	anywhere := &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "story-anywhere"},
		Spec: networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}, Egress: []networkingv1.NetworkPolicyEgressRule{{}},
		},
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		err = errors.Join(err, policies.Delete(closing, anywhere.Name, metav1.DeleteOptions{}), w.meet(closing, false))
	}()
	if _, err := policies.Create(ctx, anywhere, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("let the guest go anywhere: %w", err)
	}
	if err := w.meet(ctx, true); err != nil {
		return err
	}
	return do()
}

// meet waits until each of the guest's pods reaches each of the restricted ones, or none.
func (w *World) meet(ctx context.Context, allowed bool) error {
	guests, err := w.guests(ctx)
	if err != nil {
		return err
	}
	hosts, err := w.pods(ctx, restrictedSpace, "")
	if err != nil {
		return err
	}
	for _, guest := range guests {
		for _, host := range hosts {
			if _, err := until(ctx, func(context.Context) (any, error) { return nil, meets(guest, host, allowed) }); err != nil {
				return fmt.Errorf("the guest reaches %s: %t is wanted: %w", restrictedSpace, allowed, err)
			}
		}
	}
	return nil
}

// meets asks from the guest's network, by way of its proxy, over each family.
func meets(guest, host corev1.Pod, allowed bool) error {
	space, err := PodNetwork(guest)
	if err != nil {
		return err
	}
	defer space.Close()
	for _, address := range addresses(host) {
		var conn net.Conn
		err := space.Do(func() (err error) {
			conn, err = net.DialTimeout("tcp", net.JoinHostPort(address.String(), appPort), 2*time.Second)
			return err
		})
		if err != nil {
			return err
		}
		_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
		_, err = io.WriteString(conn, "GET /healthz HTTP/1.0\r\n\r\n")
		answer, _ := io.ReadAll(io.LimitReader(conn, 1000))
		_ = conn.Close()
		status, _, _ := strings.Cut(string(answer), "\r\n")
		if err != nil {
			return err
		}
		if strings.Contains(status, " 200") != allowed {
			return fmt.Errorf("%s gets %q from %s", guest.Name, status, address)
		}
	}
	return nil
}
