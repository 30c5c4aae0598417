package limits

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	// maxFindings is how many findings about one object are reported.
	maxFindings = 32
	// maxReport is how many bytes they have together.
	maxReport = 16 << 10
	// maxField, maxDetail and maxBadValue are how much of each part of a finding is reported.
	maxField, maxDetail, maxBadValue = 256, 1024, 256
	// MaxName is how much of an object's name is reported. A valid one has 253 bytes at most.
	MaxName = 253
)

// Report returns the findings that are reported: the first ones, each cut to a readable length, and how many more there are.
func Report(all field.ErrorList) field.ErrorList {
	var report field.ErrorList
	size := 0
	for i, finding := range all {
		short := shorten(finding)
		size += len(short.Field) + len(short.Detail) + maxBadValue
		if i == maxFindings || size > maxReport {
			return append(report, &field.Error{Type: field.ErrorTypeForbidden, Field: short.Field, BadValue: "",
				Detail: fmt.Sprintf("and %d more findings from here on; correct the ones before first", len(all)-i)})
		}
		report = append(report, short)
	}
	return report
}

// Warnings returns the warnings that are reported, in the same manner.
func Warnings(all []string) []string {
	var report []string
	for i, warning := range all {
		if i == maxFindings {
			return append(report, fmt.Sprintf("and %d more warnings", len(all)-i))
		}
		report = append(report, Cut(warning, maxDetail))
	}
	return report
}

func shorten(finding *field.Error) *field.Error {
	short := *finding
	short.Field, short.Detail = Cut(finding.Field, maxField), Cut(finding.Detail, maxDetail)
	if text := fmt.Sprint(finding.BadValue); len(text) > maxBadValue {
		short.BadValue = Cut(text, maxBadValue)
	}
	return &short
}

// Cut returns text, or its beginning where it is longer than limit bytes. A cut text ends in an ellipsis; what is left is
// valid UTF-8 where the text was.
func Cut(text string, limit int) string {
	const ellipsis = "..."
	if len(text) <= limit {
		return text
	}
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	// Not a part of the text: that would keep the whole of it in memory.
	return strings.Clone(text[:end]) + ellipsis
}
