package agentserver

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/effects/metricsauth"
)

// Part is what one thing that the agent does answers. The zero value of a Condition is met.
type Part struct {
	Path         string // of its answers on the local socket, with all below
	Answers      http.Handler
	Alive, Ready Condition
}

// Condition is something that a probe asks for.
type Condition struct {
	Good      func() bool
	Otherwise string // what the probe is answered then
}

// Answers returns the handler of the local socket.
func Answers(parts []Part) http.Handler {
	mux := http.NewServeMux()
	for _, p := range parts {
		mux.Handle(p.Path, p.Answers)
		mux.Handle(p.Path+"/", p.Answers)
	}
	return mux
}

// Metrics returns the handler of /metrics for an address: one that other machines can reach is answered over HTTPS, to those whom the API
// server allows, with the certificate in a directory if one is named.
func Metrics(registry prometheus.Gatherer, address, certDir string, api *rest.Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	if metricsauth.Needed(address) {
		return metricsauth.New(api, metricsauth.NewCertificate(certDir), mux)
	}
	return mux
}

// Health returns the handler of the kubelet's probes: /healthz is answered well while every part is alive, /readyz once every part is
// ready.
func Health(parts []Part) http.Handler {
	var alive, ready []Condition
	for _, p := range parts {
		alive, ready = append(alive, p.Alive), append(ready, p.Ready)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", answer(alive))
	mux.HandleFunc("GET /readyz", answer(ready))
	return mux
}

func answer(all []Condition) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, c := range all {
			if c.Good != nil && !c.Good() {
				http.Error(w, c.Otherwise, http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintln(w, "ok")
	}
}
