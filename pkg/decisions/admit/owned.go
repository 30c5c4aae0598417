package admit

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

// Operation is what a request does to an object.
type Operation string

// The operations on objects.
const (
	Create Operation = "CREATE"
	Update Operation = "UPDATE"
	Delete Operation = "DELETE"
)

// Owned refuses to touch the guard's own objects: the proxies' configuration and the NetworkPolicy of a foreign namespace.
// A proxy reads its configuration when it starts, so even a short change would do.
func Owned(kind, name string, operation Operation, who Subject) field.ErrorList {
	if kind == "ConfigMap" && name != apis.EnvoyConfigMapName || kind == "NetworkPolicy" && name != apis.NetworkPolicyName {
		return nil
	}
	if who.IsMaster() || who.Is(Keepers()) || operation != Create && who.Is(Cleaners()) {
		return nil
	}
	return field.ErrorList{field.Forbidden(field.NewPath("metadata", "name"), fmt.Sprintf(
		"the %s %s is part of the guard and %s keeps it; choose another name (the Hospital takes it away with the namespace's label %s or %s)",
		kind, name, apis.ControllerName, apis.LabelApplyWebhook, apis.LabelApplyNetpol))}
}
