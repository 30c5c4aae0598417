package limits_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/decisions/limits"
)

func TestAReportHasABound(t *testing.T) {
	var all field.ErrorList
	for range 20000 {
		all = append(all, field.Forbidden(field.NewPath("spec", "tolerations").Index(len(all)), "name the keys"))
	}
	report := limits.Report(all)
	require.Len(t, report, limits.MaxFindings+1)
	require.Equal(t, all[0], report[0])
	require.Equal(t, "spec.tolerations[32]", report[32].Field)
	require.Contains(t, report[32].Detail, "and 19968 more findings")
	require.Equal(t, all[:32], limits.Report(all[:32]))
	require.Empty(t, limits.Report(nil))

	long := strings.Repeat("ü", 1<<20)
	all = nil
	for range 40 {
		all = append(all, field.Invalid(field.NewPath("metadata", "annotations").Key(long), long, long))
	}
	text := limits.Report(all).ToAggregate().Error()
	require.True(t, utf8.ValidString(text))
	require.Less(t, len(text), 2*limits.MaxReport)
	require.Contains(t, text, "more findings")
}

func TestWarningsHaveABound(t *testing.T) {
	many := limits.Warnings(make([]string, 100))
	require.Len(t, many, limits.MaxFindings+1)
	require.Equal(t, "and 68 more warnings", many[limits.MaxFindings])
	require.Equal(t, []string{"one"}, limits.Warnings([]string{"one"}))
}
