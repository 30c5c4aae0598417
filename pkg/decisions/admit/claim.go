package admit

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// noVolumeOfOthers is the way out of everything by which a claim would choose a volume that exists.
const noVolumeOfOthers = "which volume a claim gets is the Hospital's to choose; name a storageClassName, or have the Hospital set the volume's claimRef"

// Claim judges a PersistentVolumeClaim as it will be stored; before is nil when it is created. What an update leaves as it
// was is not judged again: the volume controller names a claim's volume, and the claim's author may still resize it.
func Claim(now, before *corev1.PersistentVolumeClaim, s Settings) field.ErrorList {
	spec := now.Spec
	if before != nil {
		spec = changedClaim(spec, before.Spec)
	}
	problems := judgeClaim(&now.ObjectMeta, &spec, s, nil)
	if before == nil && spec.StorageClassName == nil {
		// The API server names the default class before it asks, where the cluster has one.
		problems = append(problems, field.Forbidden(field.NewPath("spec", "storageClassName"),
			"the cluster has no default StorageClass, so this claim would be bound to any volume without a class; name a storageClassName"))
	}
	return problems
}

// changedClaim returns the claim without what an update leaves as it was.
func changedClaim(now, before corev1.PersistentVolumeClaimSpec) corev1.PersistentVolumeClaimSpec {
	if now.VolumeName == before.VolumeName {
		now.VolumeName = ""
	}
	if before.Selector != nil {
		now.Selector = nil // immutable
	}
	if now.StorageClassName != nil && before.StorageClassName != nil && *now.StorageClassName == *before.StorageClassName {
		now.StorageClassName = nil
	}
	if before.DataSource != nil || before.DataSourceRef != nil {
		now.DataSource, now.DataSourceRef = nil, nil // immutable
	}
	return now
}

// judgeClaim refuses to choose among the volumes that are there: behind one of the Hospital's may stand a node's disk. What
// a storage class makes is the Hospital's choice already. A claim that names no class yet gets one, or is refused, when it
// is created: also the one that Kubernetes makes of a pod's template.
func judgeClaim(meta *metav1.ObjectMeta, spec *corev1.PersistentVolumeClaimSpec, s Settings, path *field.Path) field.ErrorList {
	f := forbidder{path: path.Child("spec")}
	f.when(spec.VolumeName != "", "volumeName", noVolumeOfOthers)
	f.when(spec.Selector != nil, "selector", noVolumeOfOthers)
	if class := spec.StorageClassName; class != nil {
		f.when(*class == "", "storageClassName", noVolumeOfOthers)
		f.when(*class != "" && len(s.StorageClasses) > 0 && !slices.Contains(s.StorageClasses, *class), "storageClassName",
			fmt.Sprintf("the class %s is not granted; name one of %s, or have the Hospital add it there", *class, s.grantedBy("workload.storageClasses", "--storage-classes")))
	}
	if from := spec.DataSource; from != nil {
		f.when(!ordinarySource(from.APIGroup, from.Kind), "dataSource", noSource)
	}
	if from := spec.DataSourceRef; from != nil {
		f.when(!ordinarySource(from.APIGroup, from.Kind), "dataSourceRef", noSource)
		f.when(from.Namespace != nil && *from.Namespace != "", "dataSourceRef.namespace", "data of another namespace is not the guest's; remove namespace")
	}
	if _, set := meta.Annotations[corev1.BetaStorageClassAnnotation]; set {
		f.problems = append(f.problems, field.Forbidden(path.Child("metadata", "annotations").Key(corev1.BetaStorageClassAnnotation),
			"this annotation overrides storageClassName, and empty it asks for a volume that exists; remove it and name a storageClassName"))
	}
	return f.problems
}

const noSource = "a program of the Hospital's would fill the volume from a place that no policy sees; use a PersistentVolumeClaim or a VolumeSnapshot of the same namespace"

// ordinarySource reports whether a claim's data comes from a claim or a snapshot.
func ordinarySource(group *string, kind string) bool {
	if group == nil || *group == "" {
		return kind == "PersistentVolumeClaim"
	}
	return *group == "snapshot.storage.k8s.io" && kind == "VolumeSnapshot"
}
