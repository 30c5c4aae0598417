package nodepolicy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/effects/nodefilter"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/netpolicy"
)

func refusing(policy string) []netpol.WouldRefuse {
	return []netpol.WouldRefuse{{Direction: "egress", Pod: netpolicy.Key{Namespace: "x", Name: "a"}, Policies: []netpolicy.Key{{Namespace: "x", Name: policy}}}}
}

func TestAConnectionThatAuditWouldRefuseIsCountedOnce(t *testing.T) {
	w := newWorld(t)
	connection := nodefilter.Connection{Packet: netpol.Packet{From: own, To: own.Next(), Protocol: netpolicy.TCP, Port: 80}, FromPort: 40000}
	w.audited = map[nodefilter.Connection][]netpol.WouldRefuse{connection: refusing("p")}
	w.auditOnce()
	w.auditOnce()
	require.InDelta(t, 1, w.metric("audit_connections_total"), 0)
	require.Equal(t, []agentapi.Audited{{Policy: "x/p", Direction: "egress", Connections: 1}}, w.Status().Audited)
	require.True(t, w.said("policies in mode Audit would refuse a connection")())

	connection.FromPort++
	w.audited = map[nodefilter.Connection][]netpol.WouldRefuse{connection: refusing("p")}
	w.auditOnce()
	require.InDelta(t, 2, w.metric("audit_connections_total"), 0)
}

// A tenant chooses how many workloads its namespace has.
func TestTheCountsOfAuditAreBounded(t *testing.T) {
	w := newWorld(t)
	w.audited = map[nodefilter.Connection][]netpol.WouldRefuse{}
	for i := range auditedPolicies + 100 {
		w.audited[nodefilter.Connection{FromPort: uint16(i)}] = refusing(fmt.Sprint("p", i))
	}
	w.auditOnce()
	all := w.Status().Audited
	require.Len(t, all, auditedPolicies+1)
	require.Equal(t, agentapi.Audited{Policy: "others", Direction: "egress", Connections: 100}, all[0])
}
