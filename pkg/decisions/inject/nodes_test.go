package inject

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"data-space.liqo.io/pkg/values/apis"
)

func TestAPodIsScheduledToNodesWithAnAgentAndOfTheseToTheGuests(t *testing.T) {
	at := field.NewPath("spec", "nodeSelector")
	const enforced = "/spec/nodeSelector/data-space.liqo.io.node-restriction.kubernetes.io~1enforced"
	for _, c := range []struct {
		settings Settings
		present  map[string]string
		want     []Operation
	}{
		{Settings{}, nil, []Operation{{Op: "add", Path: "/spec/nodeSelector", Value: map[string]string{apis.LabelEnforced: "true"}}}},
		{Settings{AnyNode: true}, nil, nil},
		{Settings{AnyNode: true, NodeSelector: map[string]string{"pool": "guests"}}, nil,
			[]Operation{{Op: "add", Path: "/spec/nodeSelector", Value: map[string]string{"pool": "guests"}}}},
		{Settings{NodeSelector: map[string]string{"a.example/pool": "guests"}}, map[string]string{"disk": "ssd"},
			[]Operation{{Op: "add", Path: "/spec/nodeSelector/a.example~1pool", Value: "guests"}, {Op: "add", Path: enforced, Value: "true"}}},
		{Settings{NodeSelector: map[string]string{"pool": "guests"}}, map[string]string{"pool": "guests", apis.LabelEnforced: "true"}, nil},
	} {
		p := &patch{}
		addNodeSelector(p, c.present, c.settings.nodeLabels(), at)
		require.Equal(t, c.want, p.operations, "%+v", c)
	}
}

func TestAPodWhoseSelectorWasTakenAwayIsRefused(t *testing.T) {
	at, s := field.NewPath("spec", "nodeSelector"), Settings{NodeSelector: map[string]string{"pool": "guests"}}
	require.Empty(t, missingNodeSelector(map[string]string{"pool": "guests", apis.LabelEnforced: "true", "x": "y"}, s, at))
	require.Len(t, missingNodeSelector(map[string]string{"pool": "own", apis.LabelEnforced: "true"}, s, at), 1)
	require.Len(t, missingNodeSelector(nil, s, at), 2)
	require.Equal(t, map[string]string{"pool": "guests"}, s.NodeSelector, "the settings are as they were")
}
