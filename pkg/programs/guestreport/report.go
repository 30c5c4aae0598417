package guestreport

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/nodelease"
)

// Names of the objects in a guest's namespace, and of the ClusterRole of deploy/reports that the binding grants.
const (
	reportName = "data-space"
	readerRole = "data-space-guest-reader"
)

const reportsVersion = "openreports.io/v1alpha1"

// state is what a report is about.
type state struct {
	guest, namespace string
	suspended        bool
	nodes            []nodelease.GuestPods // the guest's pods, by node; nodes are not named to the guest
}

// result is one line of a report.
type result struct {
	rule, outcome, severity, message string
}

// results judge the guest's pods.
func (s state) results() []result {
	pods, held, repaired := 0, 0, 0
	for _, n := range s.nodes {
		pods, held, repaired = pods+n.Pods, held+n.Held, repaired+n.Repaired
	}
	contained := result{"PodsContained", "pass", "info", fmt.Sprintf("the kernels of their nodes hold the rules of %d of %d pods of guest %s", held, pods, s.guest)}
	switch {
	case pods == 0:
		contained.outcome, contained.message = "skip", "guest "+s.guest+" has no pod on any node"
	case held < pods:
		contained.outcome, contained.severity = "fail", "high"
	}
	active := result{"GuestActive", "pass", "info", "the guest's pods run as usual"}
	if s.suspended {
		active = result{"GuestActive", "warn", "medium", "the hospital has suspended the guest: nothing leaves or enters its pods"}
	}
	unchanged := result{"RulesUnchanged", "pass", "info", "no other program has changed the rules of the guest's pods since their nodes' agents started"}
	if repaired > 0 {
		unchanged = result{"RulesUnchanged", "warn", "medium", fmt.Sprintf("rules of the guest's pods were changed by other programs and restored, %d times since their nodes' agents started", repaired)}
	}
	return []result{contained, unchanged, active}
}

// object renders the report.
func (s state) object() *unstructured.Unstructured {
	summary := map[string]any{}
	for _, outcome := range []string{"pass", "fail", "warn", "error", "skip"} {
		summary[outcome] = int64(0)
	}
	var lines []any
	for _, r := range s.results() {
		count, _ := summary[r.outcome].(int64)
		summary[r.outcome] = count + 1
		lines = append(lines, map[string]any{
			"source": "data-space", "policy": "data-space", "rule": r.rule, "category": "Containment", "result": r.outcome, "severity": r.severity, "scored": true,
			"message": r.message, "timestamp": map[string]any{"seconds": s.written().Unix(), "nanos": int64(0)},
		})
	}
	return object(reportsVersion, "Report", s.namespace, reportName, map[string]any{
		"source": "data-space", "scope": map[string]any{"apiVersion": "v1", "kind": "Namespace", "name": s.namespace},
		"summary": summary, "results": lines,
	})
}

// written is when rules of one of the pods were last written.
func (s state) written() time.Time {
	if len(s.nodes) == 0 {
		return time.Unix(0, 0)
	}
	newest := slices.MaxFunc(s.nodes, func(a, b nodelease.GuestPods) int { return a.Written.Compare(b.Written) })
	if newest.Written.IsZero() {
		return time.Unix(0, 0)
	}
	return newest.Written
}

// binding lets the guest's users read the report.
func (s state) binding() *unstructured.Unstructured {
	const group = "rbac.authorization.k8s.io"
	return object(group+"/v1", "RoleBinding", s.namespace, readerRole, map[string]any{
		"roleRef":  map[string]any{"apiGroup": group, "kind": "ClusterRole", "name": readerRole},
		"subjects": []any{map[string]any{"apiGroup": group, "kind": "Group", "name": s.guest}},
	})
}

func object(version, kind, namespace, name string, content map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: content}
	o.SetAPIVersion(version)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	o.SetLabels(map[string]string{"app.kubernetes.io/managed-by": apis.ControllerName})
	return o
}
