package tolerations

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/test/golden"
)

var update = flag.Bool("update", false, "write the table of docs/reserved-nodes.md")

// The place of the table.
const (
	page       = "../../../docs/reserved-nodes.md"
	tableBegin = "<!-- The table is written by pkg/decisions/tolerations (TestTheTableInTheDocs, -update). -->\n"
	tableEnd   = "<!-- End of the table. -->\n"
)

// rows are tolerations of the example's taint and of others.
func rows() []corev1.Toleration {
	return []corev1.Toleration{
		{Key: "reserved", Operator: "Equal", Value: "study", Effect: "NoSchedule"},
		{Key: "reserved", Value: "study"},
		{Key: "reserved", Operator: "Equal", Value: "study", Effect: "NoExecute"},
		{Key: "reserved", Operator: "Equal", Value: "other"},
		{Key: "reserved"},
		{Key: "reserved", Operator: "Exists"},
		{Key: "reserved", Operator: "Exists", Effect: "NoExecute"},
		{Operator: "Exists"},
		{Key: "level", Operator: "Gt", Value: "6"},
		{Key: "level", Operator: "Lt", Value: "7"},
		{Key: "other", Operator: "Exists"},
	}
}

func TestTheTableInTheDocs(t *testing.T) {
	protected := []Taint{
		{Name: "study-nodes", Key: "reserved", Value: "study", Effect: corev1.TaintEffectNoSchedule, Users: []string{"alice"}},
		{Name: "gpu", Key: "level", Value: "7", Users: []string{"alice"}},
	}
	var table strings.Builder
	table.WriteString("\n| toleration | matches | alice | bob | pharma, granted | pharma |\n|---|---|---|---|---|---|\n")
	policy := New(protected)
	for _, row := range rows() {
		matched := []string{}
		for i := range protected {
			if len(schedulerTolerates(row, protected[i])) > 0 {
				matched = append(matched, "`"+protected[i].String()+"`")
			}
		}
		fmt.Fprintf(&table, "| `%s` | %s |", shown(row), strings.Join(matched, ", "))
		granted := []Grant{{Key: "reserved"}, {Key: "level"}}
		for _, s := range []Subject{{User: "alice"}, {User: "bob"}, {Guest: "pharma", Granted: granted}, {Guest: "pharma"}} {
			verdict := "allowed"
			if len(policy.Tolerations(s, list(row), nil, path())) > 0 {
				verdict = "**refused**"
				require.NotEmpty(t, matched, "what the scheduler does not match is never refused")
			}
			fmt.Fprintf(&table, " %s |", verdict)
		}
		table.WriteString("\n")
	}
	golden.Section{Page: page, Begin: tableBegin, End: tableEnd}.Require(t, table.String()+"\n", *update)
}

func shown(t corev1.Toleration) string {
	var parts []string
	for _, field := range [][2]string{{"key", t.Key}, {"operator", string(t.Operator)}, {"value", t.Value}, {"effect", string(t.Effect)}} {
		if field[1] != "" {
			parts = append(parts, field[0]+": "+field[1])
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
