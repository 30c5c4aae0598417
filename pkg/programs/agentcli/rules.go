package agentcli

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/ruleview"
	"data-space.liqo.io/pkg/effects/localsock"
	"data-space.liqo.io/pkg/values/agentapi"
)

// Rules writes the rules that the kernel holds for a pod, NAMESPACE/NAME, as the agent that listens at the socket reads them.
func Rules(ctx context.Context, socket string, asJSON bool, pod string, w io.Writer) error {
	namespace, name, found := strings.Cut(pod, "/")
	if !found || namespace == "" || name == "" {
		return fmt.Errorf("--pod=%q: give NAMESPACE/NAME", pod)
	}
	var rules agentapi.PodRules
	if err := localsock.Ask(ctx, socket, http.MethodGet, agentapi.RulesURL(namespace, name), &rules); err != nil {
		return err
	}
	if asJSON {
		return printJSON(w, rules)
	}
	_, err := io.WriteString(w, ruleview.Text(rules, time.Now()))
	return err
}
