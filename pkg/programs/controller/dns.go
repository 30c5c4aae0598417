package controller

import (
	"context"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fixed are addresses from the flags.
type fixed []netip.Addr

// Addresses never fails.
func (f fixed) Addresses(context.Context) ([]netip.Addr, error) { return f, nil }

// discovered are the addresses of the Service that answers the guests' names.
type discovered struct {
	reader  client.Reader
	service client.ObjectKey
}

// Addresses reads the Service from the cache; an error names the Service and the flag that makes it unnecessary.
func (d discovered) Addresses(ctx context.Context) ([]netip.Addr, error) {
	service := &corev1.Service{}
	if err := d.reader.Get(ctx, d.service, service); err != nil {
		return nil, d.unknown(err)
	}
	var addresses []netip.Addr
	for _, ip := range service.Spec.ClusterIPs {
		addr, err := netip.ParseAddr(ip)
		if err != nil {
			return nil, d.unknown(fmt.Errorf("its cluster IP is %q", ip))
		}
		addresses = append(addresses, addr)
	}
	if len(addresses) == 0 {
		return nil, d.unknown(fmt.Errorf("it has no cluster IP"))
	}
	return addresses, nil
}

func (d discovered) unknown(err error) error {
	return fmt.Errorf("where names are answered is not known from Service %s: %w; apply deploy/resolver.yaml, or start the controller with --cluster-dns=ADDRESS", d.service, err)
}
