package admit

import (
	"slices"

	"data-space.liqo.io/pkg/values/apis"
)

// Subject is who asks, as the API server has authenticated it. An object's ownerReferences prove nothing.
type Subject struct {
	User   string
	Groups []string
}

// The identities of Kubernetes' own controllers: each has a ServiceAccount where kube-controller-manager runs with
// --use-service-account-credentials, as usual; otherwise all are one user.
const (
	controllerManager = "system:kube-controller-manager"
	kubeSystem        = "system:serviceaccount:kube-system:"
	// mastersGroup may do everything in Kubernetes, and is refused by no authorizer. It could take the webhook away as well.
	mastersGroup = "system:masters"
)

// Keeper is the controller's ServiceAccount.
const Keeper = "system:serviceaccount:" + apis.SystemNamespace + ":" + apis.ControllerName

// Keepers may write the guard's own objects: our controller.
func Keepers() []string { return []string{Keeper} }

// Cleaners may delete the guard's own objects, and release them from finalizers: those that clear a namespace away.
func Cleaners() []string {
	return []string{Keeper, kubeSystem + "namespace-controller", kubeSystem + "generic-garbage-collector", controllerManager}
}

// EndpointWriters write the addresses of pods that they have seen.
func EndpointWriters() []string {
	return []string{
		kubeSystem + "endpoint-controller", kubeSystem + "endpointslice-controller", kubeSystem + "endpointslicemirroring-controller", controllerManager,
	}
}

// Binders choose the volume of a claim.
func Binders() []string {
	return []string{kubeSystem + "persistent-volume-binder", controllerManager}
}

// Is reports whether the subject is one of these users.
func (s Subject) Is(users []string) bool { return slices.Contains(users, s.User) }

// IsMaster reports whether the subject is of the group that may do everything.
func (s Subject) IsMaster() bool { return slices.Contains(s.Groups, mastersGroup) }
