package window

import (
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
)

func TestEachPartOfAnotherIdentityTakesARight(t *testing.T) {
	a, err := Impersonated(map[string][]string{"Accept": {"x"}})
	require.NoError(t, err)
	require.Nil(t, a)
	a, err = Impersonated(map[string][]string{
		"Impersonate-User": {"alice"}, "Impersonate-Group": {"a", "b"}, "Impersonate-Uid": {"7"}, "Impersonate-Extra-Acme.org%2fteam": {"x"},
	})
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"acme.org/team": {"x"}}, a.Extra)
	require.ElementsMatch(t, []authorizationv1.ResourceAttributes{
		{Verb: "impersonate", Resource: "users", Name: "alice"}, {Verb: "impersonate", Resource: "groups", Name: "a"},
		{Verb: "impersonate", Resource: "groups", Name: "b"}, {Verb: "impersonate", Group: "authentication.k8s.io", Resource: "uids", Name: "7"},
		{Verb: "impersonate", Group: "authentication.k8s.io", Resource: "userextras", Subresource: "acme.org/team", Name: "x"},
	}, a.Reviews)
	a, err = Impersonated(map[string][]string{"Impersonate-User": {"system:serviceaccount:ns:sa"}})
	require.NoError(t, err)
	require.Equal(t, []authorizationv1.ResourceAttributes{{Verb: "impersonate", Resource: "serviceaccounts", Namespace: "ns", Name: "sa"}}, a.Reviews)
	for _, headers := range []map[string][]string{
		{"Impersonate-Group": {"a"}}, {"Impersonate-User": {"a", "b"}}, {"Impersonate-User": {""}}, {"impersonate-user": {"a"}, "Impersonate-Uid": {"1", "2"}},
		{"Impersonate-User": {"a"}, "Impersonate-Other": {"x"}}, {"Impersonate-User": {"a"}, "Impersonate-Group": {""}},
	} {
		_, err := Impersonated(headers)
		require.ErrorAs(t, err, &BadRequestError{}, "%v", headers)
	}
}
