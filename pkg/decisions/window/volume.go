package window

import (
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func volumes() schema.GroupResource { return schema.GroupResource{Resource: "persistentvolumes"} }

// ownVolumes decides about a read of PersistentVolumes where the guest's visibility does not name that kind: the answer has the volumes of the caller's own
// claims. Tables have whole objects, because the object has the claim.
func ownVolumes(r Request) (Verdict, error) {
	query, err := queryOf(r)
	if err != nil {
		return Verdict{}, err
	}
	if err := withoutPages(query); err != nil {
		return Verdict{}, err
	}
	query.Set("includeObject", "Object")
	return Verdict{Action: Filter, Path: collection(r), Query: query, Watch: r.Verb == "watch", One: r.Verb == "get", OwnVolumes: true}, nil
}

// Claim names the PersistentVolumeClaim to which a volume belongs, as the volume has it.
//
// It is the spec.claimRef of the volume, which the volume's author wrote: only the claim itself shows whose the volume is.
type Claim struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

// Lookup returns the path and the query of a list whose only item is the claim; version: as it was at this resource version, "": as it is now.
func (c Claim) Lookup(version string) (string, url.Values) {
	claims := Request{Kind: schema.GroupResource{Resource: "persistentvolumeclaims"}, Version: "v1"}
	return Within(claims, c.Namespace), AtVersion(url.Values{fieldSelector: {fields.OneTermEqualSelector("metadata.name", c.Name).String()}}, version)
}

// AcceptWhole returns of what AcceptJSON has returned the media types that have objects as a whole.
func AcceptWhole(accept string) string {
	var kept []string
	for mediaRange := range strings.SplitSeq(accept, ",") {
		if !strings.Contains(mediaRange, "as=PartialObjectMetadata") {
			kept = append(kept, mediaRange)
		}
	}
	return strings.Join(kept, ",")
}
