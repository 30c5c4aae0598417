package metricsauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/effects/metricsauth"
)

func TestOnlyTheMachineItselfReadsWithoutAToken(t *testing.T) {
	for address, needed := range map[string]bool{
		"127.0.0.1:1": false, "[::1]:1": false, "127.9.9.9:1": false, "localhost:1": false,
		":1": true, "0.0.0.0:1": true, "[::]:1": true, "192.0.2.1:1": true, "node:1": true, "nonsense": true, "127.0.0.1.example:1": true,
	} {
		require.Equal(t, needed, metricsauth.Needed(address), address)
	}
}

func TestAnAPIServerThatIsNotReachedIsNotNamed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Authorization", "Bearer unknown")
	answer := httptest.NewRecorder()
	metricsauth.New(&rest.Config{Host: server.URL}, metricsauth.NewCertificate(""), http.NotFoundHandler()).ServeHTTP(answer, request)
	require.Equal(t, http.StatusInternalServerError, answer.Code)
	require.Equal(t, "the API server cannot be asked now; try again\n", answer.Body.String())
}
