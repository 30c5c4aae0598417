package claims

import (
	"context"
	"time"
)

// A Row is one claim. Observe says what it saw, or returns an error that says what it saw instead; it ends within Limit.
type Row struct {
	Claim    string
	Expected string
	Limit    time.Duration
	Observe  func(ctx context.Context) (string, error)
}

// A Result is a row that was observed.
type Result struct {
	Row
	Observed string
	OK       bool
	Took     time.Duration
}

// Run observes one row.
func Run(ctx context.Context, row Row) Result {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, row.Limit)
	defer cancel()
	observed, err := row.Observe(ctx)
	result := Result{Row: row, Observed: observed, OK: err == nil, Took: time.Since(start)}
	if err != nil {
		result.Observed = err.Error()
	}
	return result
}

// until asks every 200 ms until ask succeeds, and returns its last answer and error when ctx ends first.
func until[T any](ctx context.Context, ask func(ctx context.Context) (T, error)) (T, error) {
	for {
		answer, err := ask(ctx)
		if err == nil {
			return answer, nil
		}
		select {
		case <-ctx.Done():
			return answer, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}
