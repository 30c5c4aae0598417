package upstream

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// mostRefusal bounds a refusal that is read.
const mostRefusal = 64 << 10

// Refusal returns the API server's error about a request as its caller has sent it, such as a selector that the kind does not have (400), or about too many of them
// (429); nil: the answer is another one. It reads the body of a refusal.
func Refusal(r *http.Response) error {
	if r.StatusCode != http.StatusBadRequest && r.StatusCode != http.StatusTooManyRequests {
		return nil
	}
	refusal := &apierrors.StatusError{}
	if err := json.NewDecoder(io.LimitReader(r.Body, mostRefusal)).Decode(&refusal.ErrStatus); err != nil {
		return fmt.Errorf("the API server's refusal: %w", err)
	}
	refusal.ErrStatus.Code = int32(r.StatusCode) //nolint:gosec // one of two
	return refusal
}
