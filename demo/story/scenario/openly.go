package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"data-space.liqo.io/pkg/values/apis"
)

// Openly allows guests the restricted service while do runs. Containment is one thing, NetworkPolicy another, and neither
// shall hide behind the other: a node that refuses a connection at once ends its socket before a capture can ask whose it is.
func (w *World) Openly(ctx context.Context, do func() error) (err error) {
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		err = errors.Join(err, w.allow(closing, restrictedSpace, false))
	}()
	if err := w.allow(ctx, restrictedSpace, true); err != nil {
		return err
	}
	return do()
}

// allow sets or takes away the label that lets guests reach a namespace, and waits until each guest meets it.
func (w *World) allow(ctx context.Context, namespace string, allowed bool) error {
	value := "null"
	if allowed {
		value = `"true"`
	}
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, apis.LabelNetpolAllow, value)
	_, err := w.kube.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("label %s: %w", namespace, err)
	}
	guests, err := w.guests(ctx)
	if err != nil {
		return err
	}
	hosts, err := w.pods(ctx, namespace, "")
	if err != nil {
		return err
	}
	for _, guest := range guests {
		for _, host := range hosts {
			if _, err := until(ctx, func(context.Context) (any, error) { return nil, meets(guest, host, allowed) }); err != nil {
				return fmt.Errorf("%s, guests allowed: %t: %w", namespace, allowed, err)
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
