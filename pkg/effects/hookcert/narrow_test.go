package hookcert

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyListsAndWatchesOfNamedResourcesAreNarrowed(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.Query().Encode() }))
	defer server.Close()
	client := &http.Client{Transport: &selecting{next: http.DefaultTransport, names: map[string]string{"secrets": "mine"}}}

	for _, c := range []struct{ method, path, query string }{
		{http.MethodGet, "/api/v1/namespaces/n/secrets", "fieldSelector=metadata.name%3Dmine"},
		{http.MethodGet, "/api/v1/namespaces/n/secrets?watch=true", "fieldSelector=metadata.name%3Dmine&watch=true"},
		{http.MethodGet, "/api/v1/namespaces/n/secrets/mine", ""},
		{http.MethodGet, "/api/v1/namespaces/n/configmaps", ""},
		{http.MethodPost, "/api/v1/namespaces/n/secrets", ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, c.query, asked, "%s %s", c.method, c.path)
	}
}
