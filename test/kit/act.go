package kit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// world is what an actor holds open.
type world struct {
	mu        sync.Mutex
	listeners map[int]*listener
	conns     map[int]*conn
	last      int
}

// act serves requests until its input ends.
func act(input io.Reader, output io.Writer) {
	w := &world{listeners: map[int]*listener{}, conns: map[int]*conn{}}
	operations := map[string]func(json.RawMessage) (any, error){
		"hello":    func(json.RawMessage) (any, error) { return nil, nil },
		"dial":     with(w.dial),
		"write":    with(w.write),
		"fill":     with(w.fill),
		"read":     with(w.read),
		"close":    with(w.close),
		"listen":   with(w.listen),
		"accepted": with(w.accepted),
		"stop":     with(w.stop),
		"raw":      with(raw),
		"ping":     with(ping),
		"flood":    with(flood),
		"join":     with(w.join),
	}
	var mu sync.Mutex
	answers := json.NewEncoder(output)
	for requests := json.NewDecoder(input); ; {
		var r request
		if requests.Decode(&r) != nil {
			return
		}
		go func() {
			result, err := operations[r.Op](r.Args)
			got := answer{ID: r.ID}
			if err != nil {
				got.Err = err.Error()
			}
			got.Result, err = json.Marshal(result)
			if err != nil {
				got.Err = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			_ = answers.Encode(got) // the test is gone, if it cannot be told
		}()
	}
}

// with lets an operation have typed arguments.
func with[A, R any](f func(A) (R, error)) func(json.RawMessage) (any, error) {
	return func(raw json.RawMessage) (any, error) {
		var args A
		if err := json.Unmarshal(raw, &args); err != nil {
			return nil, fmt.Errorf("arguments: %w", err)
		}
		return f(args)
	}
}

func asError(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}
