package vouch

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/values/apis"
)

const duration = 40 * time.Second

func TestWhichNodesAreOffered(t *testing.T) {
	now := time.Unix(100_000, 0)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	long := Clock{Now: now, Since: ago(time.Hour), Duration: duration}
	just := Clock{Now: now, Since: ago(10 * time.Second), Duration: duration}
	bare, offered := Node{Boot: "b"}, Node{Boot: "b", Label: "true"}
	fresh := Lease{Known: true, Holder: "h", Boot: "b", Renewals: 3, Seen: ago(10 * time.Second)}
	with := func(l Lease, change func(*Lease)) Lease { change(&l); return l }
	old := with(fresh, func(l *Lease) { l.Seen = ago(duration) })
	listed := with(fresh, func(l *Lease) { l.Renewals = 0 })
	for name, test := range map[string]struct {
		node   Node
		lease  Lease
		clock  Clock
		offer  bool
		reason Reason
		again  time.Duration
	}{
		"no agent ever":                          {bare, Lease{}, long, false, NoLease, 0},
		"an agent renews":                        {bare, fresh, long, true, Fresh, 30 * time.Second},
		"it goes on renewing":                    {offered, fresh, long, true, Fresh, 30 * time.Second},
		"it has stopped":                         {offered, old, long, false, Expired, 0},
		"it had stopped before":                  {bare, old, long, false, Expired, 0},
		"its gate is gone":                       {offered, with(fresh, func(l *Lease) { l.Holder = "" }), long, false, Released, 0},
		"its Lease was deleted":                  {offered, with(fresh, func(l *Lease) { l.Deleted = true }), long, false, NoLease, 0},
		"the node has rebooted":                  {Node{Boot: "c", Label: "true"}, fresh, long, false, Rebooted, 0},
		"the node registers":                     {Node{}, fresh, long, false, NoBoot, 0},
		"a value that nobody writes":             {Node{Boot: "b", Label: "yes"}, old, just, false, Expired, 0},
		"a Lease that was there before":          {bare, listed, just, false, Unproven, 0},
		"the controller has just come":           {offered, listed, just, true, Unproven, 30 * time.Second},
		"it has come, and knows no Lease":        {offered, Lease{}, just, true, Unproven, 30 * time.Second},
		"it has come, and the node is new":       {bare, Lease{}, just, false, NoLease, 0},
		"still none after a whole duration":      {offered, Lease{}, long, false, NoLease, 0},
		"still no renewal after one":             {offered, with(listed, func(l *Lease) { l.Seen = ago(duration) }), long, false, Expired, 0},
		"the controller was cut off":             {offered, with(old, func(l *Lease) { l.Seen = ago(time.Hour) }), just, true, Fresh, 30 * time.Second},
		"cut off, and the node was not offered":  {bare, old, just, false, Expired, 0},
		"cut off, and rebooted meanwhile":        {Node{Boot: "c", Label: "true"}, old, just, false, Rebooted, 0},
		"the controller is cut off":              {offered, old, Clock{Now: now, Duration: duration}, true, Unchanged, time.Second},
		"cut off, nothing new is offered either": {bare, fresh, Clock{Now: now, Duration: duration}, false, Unchanged, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			v := Judge(test.node, test.lease, test.clock)
			require.NotEmpty(t, v.Message)
			v.Message = ""
			require.Equal(t, Verdict{Offer: test.offer, Reason: test.reason, Again: test.again}, v)
		})
	}
}

func TestLabelAndTaint(t *testing.T) {
	taint := &corev1.Taint{Key: "data-space.liqo.io/agent-not-ready", Effect: corev1.TaintEffectNoSchedule}
	other := corev1.Taint{Key: "other", Effect: corev1.TaintEffectNoSchedule}
	node := func(label string, taints ...corev1.Taint) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: corev1.NodeSpec{Taints: taints}}
		if label != "" {
			n.Labels[apis.LabelEnforced] = label
		}
		return n
	}
	yes, no := Verdict{Offer: true}, Verdict{}
	for name, test := range map[string]struct {
		have    *corev1.Node
		verdict Verdict
		taint   *corev1.Taint
		want    *corev1.Node
		changed bool
	}{
		"offered":                         {node(""), yes, nil, node("true"), true},
		"offered already":                 {node("true"), yes, taint, node("true"), false},
		"offered, another's value":        {node("no"), yes, nil, node("true"), true},
		"withdrawn":                       {node("true"), no, nil, node(""), true},
		"withdrawn, another's value":      {node("no"), no, nil, node(""), true},
		"never offered":                   {node("", other), no, taint, node("", other), false},
		"offered, the taint goes":         {node("", other, *taint), yes, taint, node("true", other), true},
		"the taint came back":             {node("true", *taint, other), yes, taint, node("true", other), true},
		"withdrawn, the taint comes":      {node("true", other), no, taint, node("", other, *taint), true},
		"withdrawn, and tainted already":  {node("true", *taint), no, taint, node("", *taint), true},
		"without the flag a taint stays":  {node("", *taint), yes, nil, node("true", *taint), true},
		"a new node with the taint waits": {node("", *taint), no, taint, node("", *taint), false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.changed, Change(test.have, test.verdict, test.taint))
			require.Equal(t, test.want.Labels, test.have.Labels)
			require.ElementsMatch(t, test.want.Spec.Taints, test.have.Spec.Taints)
		})
	}
	bare := &corev1.Node{}
	require.True(t, Change(bare, yes, nil))
	require.Equal(t, "true", bare.Labels[apis.LabelEnforced])
}
