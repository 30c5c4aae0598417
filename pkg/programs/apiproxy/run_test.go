package apiproxy

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
)

func TestTokensThatAnyoneSendsHoldNoOtherQuestionUp(t *testing.T) {
	clients, tokens, err := newClients(&rest.Config{Host: "https://a.example", QPS: 1, Burst: 1})
	require.NoError(t, err)
	spent := tokens.AuthenticationV1().RESTClient().GetRateLimiter()
	require.True(t, spent.TryAccept())
	require.False(t, spent.TryAccept())
	require.True(t, clients.AuthorizationV1().RESTClient().GetRateLimiter().TryAccept())
}
