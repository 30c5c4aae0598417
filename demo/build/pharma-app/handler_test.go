package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testHospital has two patients, and answers 404 for any other.
func testHospital(t *testing.T) *hospital {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /patients", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`[{"treatment":"b","before":150,"after":140},{"treatment":"a","before":150,"after":151},
			{"treatment":"b","before":150,"after":135}]`))
	})
	mux.HandleFunc("GET /patients/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") > "2" {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return newHospital(server.URL)
}

func ask(h *hospital, method, path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	newHandler(h).ServeHTTP(recorder, httptest.NewRequest(method, path, nil))
	return recorder
}

func TestResultsAreComputedPerTreatment(t *testing.T) {
	answer := ask(testHospital(t), "GET", "/results")
	require.Equal(t, 200, answer.Code)
	var result Result
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &result))
	require.Equal(t, []Group{{"a", 1, 1}, {"b", 2, -12.5}}, result.Groups)
	require.Equal(t, 3, result.Patients)
}

func TestAHospitalThatDoesNotAnswerIsABadGateway(t *testing.T) {
	answer := ask(newHospital("http://127.0.0.1:1"), "GET", "/results")
	require.Equal(t, http.StatusBadGateway, answer.Code)
	require.Contains(t, answer.Body.String(), "ask the hospital")
}

func TestProcessCountsAnswersByStatus(t *testing.T) {
	answer := ask(testHospital(t), "POST", "/process/5")
	require.Equal(t, 200, answer.Code)
	require.JSONEq(t, `{"requests":5,"statuses":{"200":2,"404":3}}`, answer.Body.String())
}

func TestProcessCountsRequestsWithoutAnAnswer(t *testing.T) {
	counts, err := newHospital("http://127.0.0.1:1").process(context.Background(), 3)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"error": 3}, counts)
}

func TestProcessRefusesWhatIsOutOfBounds(t *testing.T) {
	for _, n := range []string{"0", "-1", "1001", "x"} {
		require.Equal(t, http.StatusBadRequest, ask(testHospital(t), "POST", "/process/"+n).Code, n)
	}
}

func TestOnce(t *testing.T) {
	t.Run("prints the result", func(t *testing.T) {
		out := &strings.Builder{}
		require.NoError(t, once(context.Background(), testHospital(t), time.Second, out))
		require.Contains(t, out.String(), `"patients":3`)
	})
	t.Run("gives up after its limit and names the reason", func(t *testing.T) {
		err := once(context.Background(), newHospital("http://127.0.0.1:1"), 20*time.Millisecond, &strings.Builder{})
		require.ErrorContains(t, err, "no result within 20ms")
	})
}
