package admit

import (
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// judgeVolumes lets volumes of those kinds pass that hold the guest's own data, or the Hospital's by the Hospital's own
// choice of storage class. All others reach the node, or have it open connections that no proxy sees.
func judgeVolumes(list []corev1.Volume, s Settings, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	for i := range list {
		volume := path.Index(i)
		for _, kind := range kindsOf(&list[i]) {
			if !slices.Contains(volumeKinds(), kind) {
				problems = append(problems, field.Forbidden(volume.Child(kind),
					"a volume of this kind reaches the node, or the network past the proxy; use one of "+strings.Join(volumeKinds(), ", ")))
			}
		}
		if e := list[i].Ephemeral; e != nil && e.VolumeClaimTemplate != nil {
			problems = append(problems, judgeClaim(&e.VolumeClaimTemplate.ObjectMeta, &e.VolumeClaimTemplate.Spec, s, volume.Child("ephemeral", "volumeClaimTemplate"))...)
		}
	}
	return problems
}

// volumeKinds are the kinds of volumes that a foreign pod may have.
func volumeKinds() []string {
	return []string{"configMap", "secret", "emptyDir", "projected", "downwardAPI", "persistentVolumeClaim", "ephemeral", "image"}
}

// kindsOf names a volume's sources as the API does. The API server takes a Pod's volume without any for an emptyDir and
// refuses several; a ShadowPod's volumes have not been validated yet.
func kindsOf(v *corev1.Volume) []string {
	var kinds []string
	sources := reflect.ValueOf(v.VolumeSource)
	for i := range sources.NumField() {
		if !sources.Field(i).IsZero() {
			name, _, _ := strings.Cut(sources.Type().Field(i).Tag.Get("json"), ",")
			kinds = append(kinds, name)
		}
	}
	slices.Sort(kinds)
	return kinds
}
