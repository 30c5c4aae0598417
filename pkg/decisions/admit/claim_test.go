package admit

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func claimOf(spec corev1.PersistentVolumeClaimSpec) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{Spec: spec}
}

func TestAClaimChoosesNoVolume(t *testing.T) {
	none, fast, slow := "", "fast", "slow"
	require.Empty(t, Claim(claimOf(corev1.PersistentVolumeClaimSpec{StorageClassName: &fast}), nil, Settings{}))
	require.Equal(t, []string{"spec.storageClassName"}, fields(Claim(claimOf(corev1.PersistentVolumeClaimSpec{}), nil, Settings{})),
		"the cluster has no default class")
	require.Equal(t, []string{"spec.volumeName", "spec.selector", "spec.storageClassName"}, fields(Claim(claimOf(corev1.PersistentVolumeClaimSpec{
		VolumeName: "v", Selector: &metav1.LabelSelector{}, StorageClassName: &none,
	}), nil, Settings{})))
	granted := Settings{StorageClasses: []string{"slow"}}
	require.Equal(t, []string{"spec.storageClassName"}, fields(Claim(claimOf(corev1.PersistentVolumeClaimSpec{StorageClassName: &fast}), nil, granted)))
	require.Empty(t, Claim(claimOf(corev1.PersistentVolumeClaimSpec{StorageClassName: &slow}), nil, granted))
	for _, value := range []string{"", "fast"} {
		annotated := claimOf(corev1.PersistentVolumeClaimSpec{StorageClassName: &fast})
		annotated.Annotations = map[string]string{"volume.beta.kubernetes.io/storage-class": value}
		require.Equal(t, []string{"metadata.annotations[volume.beta.kubernetes.io/storage-class]"}, fields(Claim(annotated, nil, Settings{})))
	}
}

func TestAClaimsDataComesFromItsOwnNamespace(t *testing.T) {
	fast, elsewhere, snapshots, populator := "fast", "hospital", "snapshot.storage.k8s.io", "populator.example"
	for _, c := range []struct {
		group, namespace *string
		kind             string
		paths            []string
	}{
		{nil, nil, "PersistentVolumeClaim", nil},
		{&snapshots, nil, "VolumeSnapshot", nil},
		{nil, &elsewhere, "PersistentVolumeClaim", []string{"spec.dataSourceRef.namespace"}},
		{&populator, nil, "Website", []string{"spec.dataSourceRef"}},
		{nil, nil, "Pod", []string{"spec.dataSourceRef"}},
	} {
		spec := corev1.PersistentVolumeClaimSpec{StorageClassName: &fast, DataSourceRef: &corev1.TypedObjectReference{
			APIGroup: c.group, Kind: c.kind, Name: "source", Namespace: c.namespace,
		}}
		require.Equal(t, c.paths, fields(Claim(claimOf(spec), nil, Settings{})), "%+v", c)
	}
	spec := corev1.PersistentVolumeClaimSpec{StorageClassName: &fast, DataSource: &corev1.TypedLocalObjectReference{APIGroup: &populator, Kind: "Website"}}
	require.Equal(t, []string{"spec.dataSource"}, fields(Claim(claimOf(spec), nil, Settings{})))
}

func TestABoundClaimCanBeResizedAndChoosesNoOtherVolume(t *testing.T) {
	none := ""
	old := corev1.PersistentVolumeClaimSpec{
		VolumeName: "v", StorageClassName: &none, Selector: &metav1.LabelSelector{}, DataSource: &corev1.TypedLocalObjectReference{Kind: "Website"},
	}
	require.Empty(t, Claim(claimOf(old), claimOf(old), Settings{StorageClasses: []string{"slow"}}))
	now := old
	now.VolumeName = "w"
	require.Equal(t, []string{"spec.volumeName"}, fields(Claim(claimOf(now), claimOf(old), Settings{})))
	require.Equal(t, []string{"spec.storageClassName"}, fields(Claim(claimOf(old), claimOf(corev1.PersistentVolumeClaimSpec{
		VolumeName: "v", Selector: &metav1.LabelSelector{}, DataSource: old.DataSource,
	}), Settings{})))
}

func TestAServiceKeepsTheAddressThatTheClusterHasChosen(t *testing.T) {
	of := func(ip string, more ...string) *corev1.Service {
		return &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: ip, ClusterIPs: more}}
	}
	for _, c := range []struct {
		now, before *corev1.Service
		paths       []string
	}{
		{of(""), nil, nil},
		{of("None", "None"), nil, nil},
		{of("203.0.113.7"), nil, []string{"spec.clusterIP"}},
		{of("", "203.0.113.7"), nil, []string{"spec.clusterIPs"}},
		{of("203.0.113.7", "203.0.113.7"), nil, []string{"spec.clusterIP", "spec.clusterIPs"}},
		{of("203.0.113.7", "203.0.113.7"), of("203.0.113.7", "203.0.113.7"), nil},
		{of("203.0.113.7", "203.0.113.7", "2001:db8::7"), of("203.0.113.7", "203.0.113.7"), []string{"spec.clusterIPs"}},
		{of("203.0.113.8"), of("203.0.113.7", "203.0.113.7"), []string{"spec.clusterIP"}},
		{of("203.0.113.8"), of(""), []string{"spec.clusterIP"}},
		{of(""), of("203.0.113.7", "203.0.113.7"), nil},
	} {
		require.Equal(t, c.paths, fields(Service(c.now, c.before, Settings{})), "%+v", c.now.Spec)
	}
	for key, refused := range map[string]bool{
		"external-dns.alpha.kubernetes.io/hostname": true, "tailscale.com/expose": true, "a.tailscale.com/x": true, "io.cilium/global-service": true,
		"kubectl.kubernetes.io/last-applied-configuration": false, "plain": false, "nottailscale.com/x": false,
	} {
		service := of("")
		service.Annotations = map[string]string{key: "true"}
		require.Equal(t, refused, len(Service(service, nil, Settings{})) == 1, key)
	}
}
