package resolver

import discoveryv1 "k8s.io/api/discovery/v1"

// Answers reports whether any replica of the resolver is ready.
func Answers(slices []discoveryv1.EndpointSlice) bool {
	for _, slice := range slices {
		for _, endpoint := range slice.Endpoints {
			// Unset means ready, by the API's definition.
			if ready := endpoint.Conditions.Ready; len(endpoint.Addresses) > 0 && (ready == nil || *ready) {
				return true
			}
		}
	}
	return false
}
