package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// served is a fair in front of a handler, as a server.
func served(t *testing.T, next http.Handler) *httptest.Server {
	t.Helper()
	guestOf := func(_ context.Context, namespace string) string { return strings.TrimRight(namespace, "0123456789") }
	server := httptest.NewServer(newFair(guestOf, shares(), slog.New(slog.DiscardHandler)).inFrontOf(next))
	t.Cleanup(server.Close)
	return server
}

// review is the AdmissionReview that the API server writes about an object, which is not the guest's to order.
func review(t *testing.T, namespace, object string) []byte {
	t.Helper()
	return reviewBy(t, "slice-1", namespace, object)
}

func reviewBy(t *testing.T, user, namespace, object string) []byte {
	t.Helper()
	request := asked(admissionv1.Create, "/services", object, `{}`).AdmissionRequest
	request.UserInfo.Username = user
	request.UID, request.Namespace = types.UID("uid-"+namespace), namespace
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &request,
	})
	require.NoError(t, err)
	return body
}

// post sends a review and returns the answer; an HTTP status other than 200 is one as well.
func post(url string, body []byte) (*admissionv1.AdmissionResponse, error) {
	response, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer := admissionv1.AdmissionReview{}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	return answer.Response, nil
}

func TestAFloodOfOneGuestIsRefusedAndOthersAreServed(t *testing.T) {
	release := make(chan struct{})
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.Contains(r.URL.RawQuery, "slow") {
			<-release
		}
		_ = json.NewEncoder(w).Encode(admissionv1.AdmissionReview{Response: &admissionv1.AdmissionResponse{Allowed: true}})
	})
	server := served(t, slow)
	answers := make(chan *admissionv1.AdmissionResponse, 100)
	for i := range 100 {
		body := review(t, fmt.Sprintf("flood%d", i%7), `{}`)
		go func() {
			answer, _ := post(server.URL+"?slow&timeout=20s", body)
			answers <- answer
		}()
	}
	for range 100 - 2 - 32 { // All but those that run and wait are refused at once.
		answer := <-answers
		require.NotNil(t, answer)
		require.False(t, answer.Allowed)
		require.Equal(t, int32(http.StatusTooManyRequests), answer.Result.Code)
		require.Contains(t, answer.Result.Message, "too many admission requests of flood at a time; try again")
		require.Contains(t, string(answer.UID), "uid-flood")
	}
	for _, guest := range []string{"b", "c"} {
		answer, err := post(server.URL, review(t, guest, `{}`))
		require.NoError(t, err)
		require.True(t, answer.Allowed)
	}
	answer, err := post(server.URL, reviewBy(t, "system:node:n1", "flood1", `{}`))
	require.NoError(t, err)
	require.True(t, answer.Allowed, "a kubelet, which reports on pods of the same guest")
	close(release)
	for range 2 + 32 {
		require.True(t, (<-answers).Allowed, "those that waited had their turn")
	}
}

func TestARequestThatWaitsTooLongIsRefusedInTime(t *testing.T) {
	running, release := make(chan struct{}), make(chan struct{})
	server := served(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { running <- struct{}{}; <-release }))
	defer close(release)
	body := review(t, "a", `{}`)
	for range 2 {
		go func() { _, _ = post(server.URL+"?timeout=30s", body) }()
		<-running
	}
	began := time.Now()
	answer, err := post(server.URL+"?timeout=5s", review(t, "a", `{}`))
	require.NoError(t, err)
	require.Equal(t, int32(http.StatusTooManyRequests), answer.Result.Code)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestABodyThatIsTooLargeIsRefusedUnread(t *testing.T) {
	server := served(t, http.NotFoundHandler())
	answer, err := post(server.URL, review(t, "a", `{"x":"`+strings.Repeat("x", maxBody)+`"}`))
	require.NoError(t, err)
	require.Equal(t, int32(http.StatusRequestEntityTooLarge), answer.Result.Code)
	require.Equal(t, types.UID("uid-a"), answer.UID)
	for _, body := range []string{"", "[]", `{"request":{"uid":7}}`, `{"x":"` + strings.Repeat("x", maxHead) + `"}`} {
		_, err := post(server.URL, []byte(body))
		require.ErrorContains(t, err, "status 400", "%.20s", body)
	}
}

// TestALengthThatIsNotGivenIsBoundedToo: chunks without an end.
func TestALengthThatIsNotGivenIsBoundedToo(t *testing.T) {
	var read int64
	server := served(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { read, _ = io.Copy(io.Discard, r.Body) }))
	body := io.MultiReader(bytes.NewReader(review(t, "a", `{}`)), io.LimitReader(endless{}, 2*maxBody))
	response, err := http.Post(server.URL, "application/json", body)
	if err == nil {
		response.Body.Close()
	}
	require.Equal(t, int64(maxBody), read)
}

type endless struct{}

func (endless) Read(data []byte) (int, error) {
	return copy(data, bytes.Repeat([]byte(" "), len(data))), nil
}

func TestWhoSendsSlowlyHoldsNoPlaceForLong(t *testing.T) {
	ended := make(chan struct{})
	server := served(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(ended)
	}))
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer connection.Close()
	_, err = fmt.Fprintf(connection, "POST /?timeout=1s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n%s", review(t, "a", `{}`))
	require.NoError(t, err)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the handler still waits for the body")
	}
}

// TestTheWholeRequestReachesTheHandler: what was read of it beforehand is not lost.
func TestTheWholeRequestReachesTheHandler(t *testing.T) {
	server := served(t, newReviews(judging(), judging().log))
	answer, err := post(server.URL, review(t, "pharma", `{"metadata":{"name":"app"},"spec":{"type":"NodePort"}}`))
	require.NoError(t, err)
	require.Equal(t, types.UID("uid-pharma"), answer.UID)
	require.Equal(t, "spec.type", answer.Result.Details.Causes[0].Field)
	answer, err = post(server.URL, review(t, "pharma", `{"spec":{"type":"ClusterIP","ports":[`+repeated(`{"port":80}`, 2<<20)+`]}}`))
	require.NoError(t, err)
	require.Equal(t, "spec.ports", answer.Result.Details.Causes[0].Field)
}
