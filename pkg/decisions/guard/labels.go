package guard

import (
	"fmt"

	"data-space.liqo.io/pkg/values/apis"
)

// Verdict is what a namespace's labels ask for.
type Verdict struct {
	// Foreign: the namespace is guarded. If false, the other fields are zero.
	Foreign bool
	// GuestID is the guest's cluster id; empty when its label has no value.
	GuestID string
	// ConfigMap and NetworkPolicy say which objects the namespace should have.
	ConfigMap, NetworkPolicy bool
	// Findings are the labels that could not be understood, in a fixed order.
	Findings []Finding
}

// Finding is a label whose value means nothing. The namespace is then treated as if its guard were wanted.
type Finding struct {
	Label    string // the label's key
	Value    string // its value
	Accepted string // what it may be
	Effect   string // what is done meanwhile
}

func (f Finding) String() string {
	return fmt.Sprintf("label %s=%q is not understood: use %s; meanwhile %s", f.Label, f.Value, f.Accepted, f.Effect)
}

// Judge reads a namespace's labels. Only an exact "false" takes a part of the guard away.
func Judge(labels map[string]string) Verdict {
	if !apis.IsForeign(labels) {
		return Verdict{}
	}
	v := Verdict{
		Foreign:       true,
		GuestID:       apis.Guest(labels),
		ConfigMap:     labels[apis.LabelApplyWebhook] != "false",
		NetworkPolicy: labels[apis.LabelApplyNetpol] != "false",
	}
	if v.GuestID == "" {
		v.Findings = append(v.Findings, Finding{
			Label: apis.LabelRemoteCluster, Accepted: "the guest's cluster id",
			Effect: "its pods do not reach the guest's other namespaces",
		})
	}
	for _, s := range switches() {
		value, present := labels[s.label]
		if present && value != "true" && value != "false" {
			v.Findings = append(v.Findings, Finding{Label: s.label, Value: value, Accepted: `"true" or "false"`, Effect: s.safe})
		}
	}
	return v
}

type labelSwitch struct{ label, safe string }

// switches are the labels that are either true or false, with what happens when they are neither.
func switches() []labelSwitch {
	return []labelSwitch{
		{apis.LabelApplyWebhook, "the proxy's ConfigMap is kept and pods get the proxy"},
		{apis.LabelApplyNetpol, "the NetworkPolicy is kept"},
		{apis.LabelNetpolAllow, "foreign pods of other namespaces may not reach it"},
		{apis.LabelHTTPProxy, "containers are not told of the explicit HTTP proxy"},
	}
}
