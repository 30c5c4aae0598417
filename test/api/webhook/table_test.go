//go:build api

package webhook

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/decisions/admit"
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
	page := filepath.Join(root, "docs/admission.md")
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(text), tableBegin)
	require.True(t, found, "%s has no %q", page, tableBegin)
	_, tail, found := strings.Cut(rest, tableEnd)
	require.True(t, found, "%s has no %q", page, tableEnd)
	now := head + tableBegin + table(base) + tableEnd + tail
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(now), 0o600))
	}
	require.Equal(t, string(text), now, "run with -update after looking at the change")
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
