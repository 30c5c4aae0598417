package apiproxy

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

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
	planned.spaces = p.guests.namespacesOf(planned.ids)
	if planned.verdict.Watch {
		planned.follow = func() (<-chan struct{}, bool) {
			moved := p.guests.movedOf(planned.ids) // before they are read
			return moved, slices.Equal(planned.spaces, p.guests.namespacesOf(planned.ids))
		}
	}
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
	claim, own := ownClaim(planned, o)
	if !own {
		return false, nil
	}
	return p.claimIsThere(ctx, planned, version, claim)
}

// ownClaim returns the claim in a namespace of the caller's guests to which a volume belongs.
func ownClaim(planned *plan, o objectDocument) (window.Claim, bool) {
	var volume struct {
		Spec struct {
			ClaimRef window.Claim `json:"claimRef"`
		} `json:"spec"`
	}
	if o.Metadata.Namespace != "" || utiljson.Unmarshal(o.raw, &volume) != nil {
		return window.Claim{}, false
	}
	claim := volume.Spec.ClaimRef
	return claim, claim.UID != "" && claim.Name != "" && slices.Contains(planned.spaces, claim.Namespace)
}

// claimIsThere asks in the caller's name whether a claim is there, with the UID that its volume remembers.
func (p *proxy) claimIsThere(ctx context.Context, planned *plan, version string, claim window.Claim) (bool, error) {
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

// mostAsking bounds the watches of volumes that ask about claims before they begin, of all guests at a time; one of each guest.
const mostAsking = 64

// volumesSeen returns the names of the volumes that the caller saw at the version at which a watch begins. The list is read in the caller's turn; the claims, of
// which a guest may have many, are asked about after it: other guests' watches wait for turns.
func (p *proxy) volumesSeen(ctx context.Context, planned *plan, query url.Values, version string) (map[string]bool, error) {
	guest := strings.Join(planned.ids, ",")
	asked, err := p.asking.begin(ctx, guest)
	if err != nil {
		return nil, err
	}
	defer asked()
	listed, err := p.heavy.begin(ctx, guest)
	if err != nil {
		return nil, err
	}
	defer listed()
	claims := map[string]window.Claim{}
	if err := p.objects(ctx, planned.verdict.Path, query, "application/json", func(o objectDocument) error {
		if claim, own := ownClaim(planned, o); own {
			claims[o.Metadata.Name] = claim
		}
		return nil
	}); err != nil {
		return nil, err
	}
	listed()
	shown := map[string]bool{}
	for name, claim := range claims {
		there, err := p.claimIsThere(ctx, planned, version, claim)
		if err != nil {
			return nil, err
		}
		if there {
			shown[name] = true
		}
	}
	return shown, nil
}
