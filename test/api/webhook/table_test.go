//go:build api

package webhook

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/decisions/admit"
	"data-space.liqo.io/test/golden"
)

var update = flag.Bool("update", false, "write the table of docs/admission.md anew")

// Where the table of refused pods stands in docs/admission.md.
const (
	tableBegin = "<!-- The table is written by test/api/webhook (TestAgreement, -update). -->\n"
	tableEnd   = "<!-- End of the table. -->\n"
)

// requireTable asserts that the documentation lists what was just tried.
func requireTable(t *testing.T, base *corev1.Pod) {
	t.Helper()
	golden.Section{Page: filepath.Join(root, "docs/admission.md"), Begin: tableBegin, End: tableEnd}.Require(t, table(base), *update)
}

func table(base *corev1.Pod) string {
	lines := "\n| a pod with | is refused for | why, and the way out | without the webhook too |\n|---|---|---|---|\n"
	for _, a := range attempts() {
		p := base.DeepCopy()
		a.change(p)
		where, why := "`spec.initContainers`", "only the webhook's own proxy is let in; remove it, it is added by itself"
		if problems := admit.Pod(&p.ObjectMeta, &p.Spec, admit.Settings{}, field.NewPath("spec")); len(problems) > 0 {
			where, why = "`"+problems[0].Field+"`", problems[0].Detail
		}
		twin := ""
		if a.policy {
			twin = "yes"
		}
		lines += fmt.Sprintf("| %s | %s | %s | %s |\n", a.name, where, why, twin)
	}
	return lines + "\n"
}
