package main

import (
	"fmt"
	"net/http"
	"strconv"

	"data-space.liqo.io/demo/serve"
)

// newHandler serves GET /patients, GET /patients/{id} and GET /healthz.
func newHandler(file []Patient) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", serve.Healthz)
	mux.HandleFunc("GET /patients", func(w http.ResponseWriter, _ *http.Request) {
		serve.JSON(w, http.StatusOK, file)
	})
	mux.HandleFunc("GET /patients/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(r.PathValue("id"))
		if err != nil {
			serve.Fail(w, http.StatusBadRequest, fmt.Sprintf("patient id %q is not a number", r.PathValue("id")))
			return
		}
		if id < 1 || id > len(file) {
			serve.Fail(w, http.StatusNotFound, fmt.Sprintf("no patient %d: ids run from 1 to %d", id, len(file)))
			return
		}
		serve.JSON(w, http.StatusOK, file[id-1])
	})
	return mux
}
