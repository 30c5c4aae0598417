package apiproxy

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"data-space.liqo.io/pkg/decisions/window"
)

// now is the resource version at which objects are as they are now.
const now = ""

// planVolumes notes which claims are the caller's own, if the verdict is about their volumes.
func (p *proxy) planVolumes(planned *plan) {
	if !planned.verdict.OwnVolumes {
		return
	}
	if planned.verdict.Watch {
		planned.moved = p.guests.movedOf(planned.ids) // before they are read
	}
	planned.spaces = p.guests.namespacesOf(planned.ids)
}

// sight returns which objects the caller sees at a resource version.
func (p *proxy) sight(ctx context.Context, planned *plan, version string) sees {
	switch {
	case planned.verdict.OwnVolumes:
		return func(o objectDocument) (bool, error) { return p.ownVolume(ctx, planned, version, o) }
	case planned.verdict.NodeMetrics:
		return p.ofVisibleNodes(ctx, planned)
	}
	return seeing(planned.verdict.Visible)
}

// ownVolume reports whether a PersistentVolume belongs to a claim in a namespace of the caller's guests that is there and that the caller may read. A volume
// that remembers a claim of another UID was that of a namespace or a claim that had the name before.
func (p *proxy) ownVolume(ctx context.Context, planned *plan, version string, o objectDocument) (bool, error) {
	var volume struct {
		Spec struct {
			ClaimRef window.Claim `json:"claimRef"`
		} `json:"spec"`
	}
	if o.Metadata.Namespace != "" || utiljson.Unmarshal(o.raw, &volume) != nil {
		return false, nil
	}
	claim := volume.Spec.ClaimRef
	if claim.UID == "" || claim.Name == "" || !slices.Contains(planned.spaces, claim.Namespace) {
		return false, nil
	}
	path, query := claim.Lookup(version)
	response, err := p.asCaller(ctx, planned, http.MethodGet, path, query, metadataOnly, nil)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusForbidden, http.StatusNotFound:
		return false, nil
	case http.StatusGone:
		return false, window.ExpiredError{}
	default:
		return false, fmt.Errorf("the claims of namespace %s: the API server answers %s", claim.Namespace, response.Status)
	}
	var claims metav1.PartialObjectMetadataList
	if err := decode(response, &claims); err != nil {
		return false, err
	}
	return len(claims.Items) == 1 && claims.Items[0].Name == claim.Name && string(claims.Items[0].UID) == claim.UID, nil
}
