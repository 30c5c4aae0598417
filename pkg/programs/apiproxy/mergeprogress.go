package apiproxy

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"data-space.liqo.io/pkg/decisions/window"
)

// mergedProgress is how far the watches of several namespaces are, as their bookmarks show.
type mergedProgress struct {
	at      map[string]uint64   // of each namespace; 0: not known yet
	initial map[string]struct{} // namespaces whose first objects have not all come
	whole   bool                // the client has the bookmark that ends the first objects
	last    uint64              // that the client knows
}

func newMergedProgress(bodies map[string]io.ReadCloser) mergedProgress {
	p := mergedProgress{at: map[string]uint64{}, initial: map[string]struct{}{}}
	for space := range bodies {
		p.at[space] = 0
		p.initial[space] = struct{}{}
	}
	return p
}

// join takes in a namespace of which nothing is known yet.
func (p *mergedProgress) join(space string) { p.at[space] = 0 }

// note takes in a bookmark of one namespace. It returns the bookmark of all that follows from it, whose resource version every watch has
// reached; nil: none does.
func (p *mergedProgress) note(space string, line []byte) ([]byte, error) {
	var bookmark struct {
		Object map[string]any `json:"object"`
	}
	if err := utiljson.Unmarshal(line, &bookmark); err != nil {
		return nil, fmt.Errorf("the API server's answer: %w", err)
	}
	metadata, _ := bookmark.Object["metadata"].(map[string]any)
	version, _ := metadata["resourceVersion"].(string)
	annotations, _ := metadata["annotations"].(map[string]any)
	number, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return nil, nil //nolint:nilerr // A kind whose resource versions are no numbers has no bookmarks here.
	}
	p.at[space] = number
	ends := annotations[metav1.InitialEventsAnnotationKey] == "true"
	if ends {
		delete(p.initial, space)
		if p.whole || len(p.initial) > 0 {
			return nil, nil
		}
		p.whole = true
	}
	slowest := number
	for _, at := range p.at {
		slowest = min(slowest, at)
	}
	if !ends && slowest <= p.last {
		return nil, nil
	}
	if slowest > 0 { // otherwise a namespace has joined whose objects have not all come: no watch begins here
		p.last = slowest
		metadata["resourceVersion"] = window.VersionOfAll(strconv.FormatUint(slowest, 10), slices.Sorted(maps.Keys(p.at)))
	}
	text, err := json.Marshal(map[string]any{"type": "BOOKMARK", "object": bookmark.Object})
	return append(text, '\n'), err
}
