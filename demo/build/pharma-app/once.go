package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// once does one round of the study, as a Job would, and prints the result. It asks again every half second
// until limit has passed.
func once(ctx context.Context, h *hospital, limit time.Duration, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		file, err := h.patients(ctx)
		if err == nil {
			return json.NewEncoder(out).Encode(study(file))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no result within %s: %w", limit, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}
