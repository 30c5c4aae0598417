package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"data-space.liqo.io/demo/serve"
)

// maxProcess bounds how many requests one POST /process/{n} may cause.
const maxProcess = 1000

// newHandler serves GET /results, POST /process/{n} and GET /healthz.
func newHandler(h *hospital) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", serve.Healthz)
	mux.HandleFunc("GET /results", func(w http.ResponseWriter, r *http.Request) {
		file, err := h.patients(r.Context())
		if err != nil {
			serve.Fail(w, http.StatusBadGateway, err.Error())
			return
		}
		serve.JSON(w, http.StatusOK, study(file))
	})
	mux.HandleFunc("POST /process/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n < 1 || n > maxProcess {
			serve.Fail(w, http.StatusBadRequest, fmt.Sprintf("/process/{n} wants a number from 1 to %d", maxProcess))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
		defer cancel()
		counts, err := h.process(ctx, n)
		if err != nil {
			serve.Fail(w, http.StatusGatewayTimeout, err.Error())
			return
		}
		serve.JSON(w, http.StatusOK, map[string]any{"requests": n, "statuses": counts})
	})
	return mux
}
