package window

import (
	"slices"
	"strings"
)

// Forms of an answer beside JSON that are read here where it has one object.
const (
	FormProtobuf = "application/vnd.kubernetes.protobuf"
	FormCBOR     = "application/cbor"
)

// AcceptJSON returns what to accept from the API server where the answer is read here: those of the caller's media types that are JSON, or
// "" if there is none. With asList the caller wants one object, which is taken from a list.
func AcceptJSON(accept string, asList bool) string { return accepted(accept, asList) }

// AcceptObject is the same for one object's metadata and content, which is read in three forms.
func AcceptObject(accept string) string { return accepted(accept, true, FormProtobuf, FormCBOR) }

// accepted returns of an Accept header (RFC 9110, section 12.5.1) the media ranges that the program can filter: JSON and the forms in more.
// Parameters such as q and v stay. It is empty if none is left.
func accepted(accept string, asList bool, more ...string) string {
	if strings.TrimSpace(accept) == "" {
		return "application/json"
	}
	var kept []string
	for mediaRange := range strings.SplitSeq(accept, ",") {
		parts := strings.Split(mediaRange, ";")
		switch form := strings.ToLower(strings.TrimSpace(parts[0])); {
		case form == "application/json" || form == "*/*" || form == "application/*":
			parts[0] = "application/json"
		case !slices.Contains(more, form):
			continue
		}
		for i, part := range parts {
			parts[i] = strings.TrimSpace(part)
			if asList && parts[i] == "as=PartialObjectMetadata" {
				parts[i] = "as=PartialObjectMetadataList"
			}
		}
		kept = append(kept, strings.Join(parts, ";"))
	}
	return strings.Join(kept, ",")
}
