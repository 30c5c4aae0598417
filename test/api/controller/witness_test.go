//go:build api

package controller

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestTheExampleOfAWitnessIsAccepted: the other party applies deploy/witness in a cluster of its own. Its pod keeps to the Pod Security Standard "restricted".
func TestTheExampleOfAWitnessIsAccepted(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	require.NoError(t, w.Apply(ctx, root+"/deploy/witness/witness.yaml"))
	var set appsv1.StatefulSet
	require.NoError(t, w.client.Get(ctx, client.ObjectKey{Namespace: "data-space-witness", Name: "witness"}, &set))
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: set.Namespace, Name: "witness-0", Labels: set.Spec.Template.Labels}, Spec: set.Spec.Template.Spec}
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: set.Spec.VolumeClaimTemplates[0].Name}) // of the claim
	other := pod.DeepCopy()
	other.Spec.HostNetwork = true
	require.ErrorContains(t, w.client.Create(ctx, other, client.DryRunAll), "restricted")
	require.NoError(t, w.client.Create(ctx, &pod, client.DryRunAll))
}
