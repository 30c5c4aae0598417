package webhook

import (
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"data-space.liqo.io/pkg/effects/metricsauth"
)

// metricsAt returns how the metrics are served at an address: one that other machines can reach over HTTPS, with the certificate in a
// directory if one is named, to those whom the API server allows.
func metricsAt(address, certDir string) metricsserver.Options {
	o := metricsserver.Options{BindAddress: address}
	if address != "0" && metricsauth.Needed(address) {
		o.TLSOpts = metricsauth.NewCertificate(certDir).Options()
		o.SecureServing, o.FilterProvider = true, filters.WithAuthenticationAndAuthorization
	}
	return o
}
