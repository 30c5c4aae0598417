package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// hospital is the data owner's HTTP service as the guest sees it. It knows of no proxy: what goes through one is
// the node's doing, not the app's. It is safe for concurrent use.
type hospital struct {
	base   string
	client *http.Client
}

// newHospital asks the service at base, "http://name[:port]".
func newHospital(base string) *hospital {
	transport := &http.Transport{
		Proxy:                 nil,
		ResponseHeaderTimeout: 5 * time.Second,
		IdleConnTimeout:       10 * time.Second,
		MaxIdleConnsPerHost:   4,
	}
	return &hospital{
		base:   strings.TrimSuffix(base, "/"),
		client: &http.Client{Transport: transport, Timeout: 10 * time.Second},
	}
}

// patients fetches the whole file.
func (h *hospital) patients(ctx context.Context) ([]patient, error) {
	answer, err := h.get(ctx, "/patients")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s/patients answered %s", h.base, answer.Status)
	}
	var file []patient
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&file); err != nil {
		return nil, fmt.Errorf("read %s/patients: %w", h.base, err)
	}
	return file, nil
}

// process asks for the patients 1 to n, one after the other, and counts the answers by status code; requests
// that got no answer count under "error". It stops early only when ctx ends.
func (h *hospital) process(ctx context.Context, n int) (map[string]int, error) {
	counts := map[string]int{}
	for id := 1; id <= n; id++ {
		answer, err := h.get(ctx, "/patients/"+strconv.Itoa(id))
		if ctx.Err() != nil {
			return counts, fmt.Errorf("stopped after %d of %d requests: %w", id-1, n, ctx.Err())
		}
		if err != nil {
			counts["error"]++
			continue
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
		_ = answer.Body.Close()
		counts[strconv.Itoa(answer.StatusCode)]++
	}
	return counts, nil
}

func (h *hospital) get(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("HOSPITAL_URL %q: %w", h.base, err)
	}
	answer, err := h.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the hospital: %w", err)
	}
	return answer, nil
}
