package guard

import (
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// unknown is the editor of a field without an owner: a client removed the field, which leaves no name.
const unknown = "unknown"

// ours reports whether the controller made the object: its label says so, or, if a client removed the label, the API
// server's record of who applied what.
func ours(object metav1.Object) bool {
	if object.GetLabels()[apis.LabelManagedBy] == apis.ControllerName {
		return true
	}
	for _, entry := range object.GetManagedFields() {
		if applied(entry) {
			return true
		}
	}
	return false
}

// Editor names the field manager that last wrote one of the drifted fields, by the API server's record, or Unknown. It is
// empty if only the controller wrote them: the wanted content itself has changed.
func Editor(object metav1.Object, drifts []Drift) string {
	editor := ""
	var latest time.Time
	for _, drift := range drifts {
		name, when := lastWriter(object, drift.path)
		if name != "" && (editor == "" || editor == unknown || when.After(latest)) {
			editor, latest = name, when
		}
	}
	return editor
}

func lastWriter(object metav1.Object, path []string) (name string, when time.Time) {
	owned := false
	for _, entry := range object.GetManagedFields() {
		if !holds(entry, path) {
			continue
		}
		if applied(entry) {
			owned = true
			continue
		}
		if at := entry.Time; name == "" || at != nil && at.After(when) {
			name = entry.Manager
			if at != nil {
				when = at.Time
			}
		}
	}
	if name == "" && !owned {
		name = unknown
	}
	return name, when
}

// applied reports whether the entry records the controller's own server-side apply.
func applied(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == apis.ControllerName && entry.Operation == metav1.ManagedFieldsOperationApply
}

// holds walks the entry's set of fields (FieldsV1: nested objects whose keys start with "f:").
func holds(entry metav1.ManagedFieldsEntry, path []string) bool {
	if entry.FieldsV1 == nil {
		return false
	}
	raw := json.RawMessage(entry.FieldsV1.GetRawBytes())
	for _, key := range path {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			return false
		}
		next, found := fields[key]
		if !found {
			return false
		}
		raw = next
	}
	return true
}
