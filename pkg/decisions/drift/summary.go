package drift

import (
	"fmt"
	"strings"
)

// Summary returns the first few findings for people, and how many more there are.
func Summary(findings []Finding) string {
	const some = 5
	var texts []string
	for _, f := range findings[:min(some, len(findings))] {
		texts = append(texts, f.String())
	}
	if more := len(findings) - some; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}
