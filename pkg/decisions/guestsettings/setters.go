package guestsettings

import (
	"reflect"
	"strings"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Setters returns, for each field that the default policy or the guest's own sets, the name of the policy whose value holds. A field is named
// by its path, such as spec.workload.devices.
func Setters(guest string, base, own v1alpha1.GuestPolicySpec) map[string]string {
	setters := map[string]string{}
	addSetters(setters, "spec", v1alpha1.DefaultGuestPolicy, reflect.ValueOf(base))
	addSetters(setters, "spec", guest, reflect.ValueOf(own))
	return setters
}

func addSetters(setters map[string]string, path, policy string, section reflect.Value) {
	for i := range section.NumField() {
		field := section.Field(i)
		name, _, _ := strings.Cut(section.Type().Field(i).Tag.Get("json"), ",")
		switch at := path + "." + name; {
		case field.IsZero():
		case field.Kind() == reflect.Pointer:
			addSetters(setters, at, policy, field.Elem())
		default:
			setters[at] = policy
		}
	}
}
