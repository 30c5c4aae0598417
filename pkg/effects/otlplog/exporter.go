package otlplog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"data-space.liqo.io/pkg/values/fact"
)

const (
	waiting    = 4096 // facts that wait to be sent
	atOnce     = 512  // facts in a request
	gather     = time.Second
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
	sending    = 10 * time.Second // one request
	closing    = 5 * time.Second  // in which the rest is sent when the program ends
	answerRoom = 4 << 10
)

// headersVariable holds further headers of each request, such as a token, as of every exporter of OpenTelemetry: name=value,name=value.
const headersVariable = "OTEL_EXPORTER_OTLP_HEADERS"

// Exporter sends facts. It never makes its caller wait. Make it with New, and let Run work beside it.
type Exporter struct {
	config  Config
	headers http.Header
	client  *http.Client
	queue   chan fact.Recorded
	failing atomic.Value // string: the failure that was reported; "": none since
}

// Config holds the collector's URL, and the functions that Exporter calls with what became of the facts.
type Config struct {
	URL           string // of the collector, with the path, which is /v1/logs by default
	Node, Version string
	Sent, Lost    func(facts int)
	// Failed is called when facts cannot be sent, once until they can again, and then with nil.
	Failed func(error)
}

// ParseURL accepts a collector's URL.
func ParseURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", fmt.Errorf("%q is not the URL of a collector; give one such as https://collector.example:4318", text)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/logs"
	}
	return u.String(), nil
}

// New returns an Exporter that has sent nothing yet.
func New(c Config) *Exporter {
	e := &Exporter{config: c, queue: make(chan fact.Recorded, waiting), headers: http.Header{}}
	for pair := range strings.SplitSeq(os.Getenv(headersVariable), ",") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			if decoded, err := url.PathUnescape(strings.TrimSpace(value)); err == nil {
				e.headers.Set(strings.TrimSpace(name), decoded)
			}
		}
	}
	e.headers.Set("Content-Type", "application/x-protobuf")
	e.client = &http.Client{Timeout: sending, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	e.failing.Store("")
	return e
}

// Send sends facts, soon. Those for which there is no room are lost, and counted.
func (e *Exporter) Send(first int64, facts []fact.Fact) {
	for i, f := range facts {
		select {
		case e.queue <- fact.Recorded{Index: first + int64(i), Fact: f}:
		default:
			e.config.Lost(len(facts) - i)
			return
		}
	}
}

// Run sends until the context ends, and then what waits.
func (e *Exporter) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			e.rest(ctx)
			return
		case f := <-e.queue:
			batch := e.collect(ctx, f)
			if !e.deliver(ctx, batch) {
				e.config.Lost(len(batch))
			}
		}
	}
}

// collect returns the facts that come within a moment, as many as are sent at once.
func (e *Exporter) collect(ctx context.Context, first fact.Recorded) []fact.Recorded {
	batch := []fact.Recorded{first}
	moment := time.NewTimer(gather)
	defer moment.Stop()
	for len(batch) < atOnce {
		select {
		case f := <-e.queue:
			batch = append(batch, f)
		case <-moment.C:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// errRefused means that the collector does not take the facts, however often they are sent.
var errRefused = errors.New("the collector refuses them")

// deliver sends a batch until the collector has it. It returns false if the collector refuses it or the program ends.
func (e *Exporter) deliver(ctx context.Context, batch []fact.Recorded) bool {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		sendCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sending)
		err := e.post(sendCtx, batch)
		cancel()
		e.report(err)
		switch {
		case err == nil:
			e.config.Sent(len(batch))
			return true
		case errors.Is(err, errRefused):
			return false
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
}

// rest sends what waits when the program ends, and counts what is not taken.
func (e *Exporter) rest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	for len(e.queue) > 0 {
		var batch []fact.Recorded
		for len(e.queue) > 0 && len(batch) < atOnce {
			batch = append(batch, <-e.queue)
		}
		if err := e.post(ctx, batch); err != nil {
			e.config.Lost(len(batch) + len(e.queue))
			return
		}
		e.config.Sent(len(batch))
	}
}

// post makes one request.
func (e *Exporter) post(ctx context.Context, batch []fact.Recorded) error {
	body, err := encode(e.config.Node, e.config.Version, time.Now(), batch)
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.config.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	r.Header = e.headers.Clone()
	response, err := e.client.Do(r)
	if err != nil {
		return fmt.Errorf("send facts to the collector: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, answerRoom)) // so that the connection serves again
	switch code := response.StatusCode; {
	case code >= http.StatusOK && code < http.StatusMultipleChoices:
		return nil
	case code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= http.StatusInternalServerError:
		return fmt.Errorf("send facts to the collector: it answers %s", response.Status)
	default:
		return fmt.Errorf("%w: it answers %s; correct the URL, or %s", errRefused, response.Status, headersVariable)
	}
}

// report reports a failure once.
func (e *Exporter) report(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if before := e.failing.Swap(text); before != text && (err == nil || before == "") {
		e.config.Failed(err)
	}
}
