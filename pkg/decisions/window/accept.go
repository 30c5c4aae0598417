package window

import "strings"

// AcceptJSON returns what to accept from the API server where the answer is read here: those of the caller's media types that are JSON, or
// "" if there is none. With asList the caller wants one object, which is taken from a list.
func AcceptJSON(accept string, asList bool) string {
	if strings.TrimSpace(accept) == "" {
		return "application/json"
	}
	var kept []string
	for mediaRange := range strings.SplitSeq(accept, ",") {
		parts := strings.Split(mediaRange, ";")
		switch strings.ToLower(strings.TrimSpace(parts[0])) {
		case "application/json", "*/*", "application/*":
			parts[0] = "application/json"
		default:
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
