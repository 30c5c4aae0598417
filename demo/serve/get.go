package serve

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Get fetches one URL and copies the answer's body to out: `hospital-app get [-X METHOD] URL`.
// An answer other than 2xx is an error that names the status. It is the demo's curl, so that no image needs one.
func Get(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("get", flag.ContinueOnError)
	method := flags.String("X", http.MethodGet, "request method")
	limit := flags.Duration("timeout", 10*time.Second, "until the whole answer has arrived")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("get wants one URL, not %d", flags.NArg())
	}
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, *method, flags.Arg(0), nil)
	if err != nil {
		return fmt.Errorf("get %s: %w", flags.Arg(0), err)
	}
	answer, err := (&http.Client{Transport: &http.Transport{Proxy: nil}}).Do(request)
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(out, answer.Body); err != nil {
		return fmt.Errorf("read the answer of %s: %w", flags.Arg(0), err)
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", flags.Arg(0), answer.Status)
	}
	return nil
}
