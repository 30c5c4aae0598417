package guestsettings

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// fill sets each field of a struct to something, below it as well: a field that Merge does not know stays empty in what it returns.
func fill(v reflect.Value, word string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), word)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), word)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		if v.Type().Elem().Kind() == reflect.String {
			v.Index(0).SetString(word)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(word), reflect.ValueOf(word))
	case reflect.String:
		v.SetString(word)
	default:
	}
}

func full(word string) v1alpha1.GuestPolicySpec {
	spec := v1alpha1.GuestPolicySpec{}
	fill(reflect.ValueOf(&spec).Elem(), word)
	return spec
}

func TestEachFieldIsTheGuestsOwnOrElseTheDefault(t *testing.T) {
	base, own := full("base"), full("own")
	require.Equal(t, own, Merge(base, own))
	require.Equal(t, base, Merge(base, v1alpha1.GuestPolicySpec{}))
	require.Equal(t, own, Merge(v1alpha1.GuestPolicySpec{}, own))
	empty := v1alpha1.GuestPolicySpec{
		Workload: &v1alpha1.Workload{}, Scheduling: &v1alpha1.Scheduling{}, Network: &v1alpha1.Network{}, Visibility: &v1alpha1.Visibility{},
	}
	require.Equal(t, base, Merge(base, empty), "a section without fields takes each of them from the default")
	require.Equal(t, own, Merge(empty, own))
}

func TestAnEmptyListGrantsNothingAndAnAbsentOneIsInherited(t *testing.T) {
	base := v1alpha1.GuestPolicySpec{Workload: &v1alpha1.Workload{
		Devices: []v1alpha1.ExtendedResource{"example.org/gpu"}, IngressClasses: []v1alpha1.ObjectName{"nginx"}, PodSecurity: "restricted",
	}}
	own := v1alpha1.GuestPolicySpec{State: v1alpha1.Suspended, Workload: &v1alpha1.Workload{Devices: []v1alpha1.ExtendedResource{}, Exec: v1alpha1.Denied}}
	merged := Merge(base, own)
	require.Empty(t, merged.Workload.Devices)
	require.NotNil(t, merged.Workload.Devices)
	require.Equal(t, base.Workload.IngressClasses, merged.Workload.IngressClasses)
	require.Equal(t, v1alpha1.PodSecurity("restricted"), merged.Workload.PodSecurity)
	require.Equal(t, v1alpha1.Denied, merged.Workload.Exec)
	require.Equal(t, v1alpha1.Suspended, merged.State)
	require.Len(t, base.Workload.Devices, 1, "the default is as it was")
}
