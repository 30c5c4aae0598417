//go:build api

package controller

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/programs/controller"
)

// TestAGuestsNamespaceOfAReservedNameIsReportedAndGuarded: it was made before names were judged.
func TestAGuestsNamespaceOfAReservedNameIsReportedAndGuarded(t *testing.T) {
	w := newWorld(t)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "svc", Labels: foreign()}}
	require.NoError(t, w.client.Create(t.Context(), ns))
	t.Cleanup(func() { require.NoError(t, w.client.Delete(context.Background(), ns)) })
	other := w.namespace(t, foreign())
	w.start(t)
	w.eventuallyGuarded(t, ns.Name)
	w.eventuallyGuarded(t, other)
	require.Contains(t, w.eventuallyEvent(t, ns.Name, controller.ReasonReservedName), "metadata.name: Forbidden: names that others look up end in it")
	require.Empty(t, w.event(t, other, controller.ReasonReservedName))
}
