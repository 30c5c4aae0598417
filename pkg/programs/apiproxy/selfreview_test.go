package apiproxy

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Each guest's caller may send reviews.
func TestASmallReviewTakesLittleMemory(t *testing.T) {
	body := []byte("apiVersion: authorization.k8s.io/v1\nkind: SelfSubjectAccessReview\nx: &a " + strings.Repeat("s", 8000) + "\ny: [" + strings.Repeat("*a, ", 2000) + "]\n")
	require.Less(t, len(body), maxReview)
	library := allocated(func() { _, _, _ = scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil) })
	require.Greater(t, library, uint64(2000*8000), "the library reads YAML too, with all aliases")
	require.Less(t, allocated(func() { require.Nil(t, reviewOf(body)) }), uint64(1<<20))

	review := &authorizationv1.SelfSubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "authorization.k8s.io/v1", Kind: "SelfSubjectAccessReview"},
		Spec:     authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get"}},
	}
	var text bytes.Buffer
	require.NoError(t, protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Encode(review, &text))
	for _, read := range [][]byte{text.Bytes(), []byte(`{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"verb":"get"}}}`)} {
		require.Equal(t, "get", reviewOf(read).Spec.ResourceAttributes.Verb)
	}
	require.Nil(t, reviewOf([]byte(`{"apiVersion":"v1","kind":"Pod"}`)))
}
