package ruleview

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/fact"
	"data-space.liqo.io/pkg/values/iptables"
)

func TestWhatRulesRefusedIsAFactAndImpersonationOneOfItsOwn(t *testing.T) {
	before := iptables.Drops{"ds-out-drop-udp": 5, "ds-out-drop-icmp": 9, "ds-out-impersonation": 1, "ds-early-end": 1}
	now := iptables.Drops{"ds-out-drop-udp": 15, "ds-out-drop-icmp": 2, "ds-out-impersonation": 4, "ds-early-end": 8, "ds-in-invalid": 0}
	refused := Refused(before, now)
	require.Equal(t, iptables.Drops{"ds-out-drop-udp": 10, "ds-out-drop-icmp": 2, "ds-out-impersonation": 3}, refused, "a counter that is smaller began again")
	d, facts := Dropped{}.Add(refused, time.Unix(1000, 0))
	require.Len(t, facts, 2)
	require.Equal(t, []any{fact.Impersonated, "ProxyUser", int64(3), true}, []any{facts[0].Kind, facts[0].Reason, facts[0].Count, facts[0].Warning})
	require.Equal(t, []any{fact.PacketsDropped, "ds-out-drop-udp", int64(15), false}, []any{facts[1].Kind, facts[1].Reason, facts[1].Count, facts[1].Warning})
	require.Equal(t, map[string]string{"ds-out-drop-udp": "10", "ds-out-impersonation": "3", "ds-out-drop-icmp": "2"}, facts[1].Details)
	require.Empty(t, d.Facts())
	d, facts = d.Add(refused, time.Unix(1000, 0).Add(reportEvery-1))
	require.Empty(t, facts)
	d, facts = d.Add(Refused(now, now), time.Unix(1000, 0).Add(reportEvery))
	require.Len(t, facts, 2, "what waited")
	_, facts = d.Add(nil, time.Unix(1000, 0).Add(3*reportEvery))
	require.Empty(t, facts)
}

func TestRulesThatDropAreCountedByTheirNames(t *testing.T) {
	text := "*filter\n:OUTPUT DROP [0:0]\n[3:9] -A OUTPUT -p udp -m comment --comment ds-a -j DROP\n[4:9] -A OUTPUT -m comment --comment ds-b -j REJECT\n" +
		"[5:9] -A OUTPUT -m comment --comment ds-c -j ACCEPT\n[6:9] -A OUTPUT -j DROP\n[1:9] -A OUTPUT -p tcp -m comment --comment ds-a -j DROP\nCOMMIT\n"
	saved, err := iptables.ParseSave(iptables.V4, text)
	require.NoError(t, err)
	require.Equal(t, iptables.Drops{"ds-a": 4, "ds-b": 4}, saved.Drops())
}
