package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/test/cluster/internal/plan"
)

func TestANodeIsReadyWhenItsConditionSaysSo(t *testing.T) {
	for text, want := range map[string]string{
		`{"status":{"conditions":[{"type":"Ready","status":"True"}]}}`:                                "",
		`{"status":{"conditions":[{"type":"Ready","status":"False","message":"no network plugin"}]}}`: "no network plugin",
		`{"status":{"conditions":[{"type":"Ready","status":"Unknown","message":"silent"}]}}`:          "silent",
		`{"status":{"conditions":[{"type":"DiskPressure","status":"False"}]}}`:                        "has not reported yet",
	} {
		var n node
		require.NoError(t, json.Unmarshal([]byte(text), &n))
		require.Equal(t, want, n.notReady(), text)
	}
}

func TestTheDNSManifestCarriesTheClusterAddresses(t *testing.T) {
	text, err := renderDNS(plan.TwoNodes(plan.DefaultName))
	require.NoError(t, err)
	documents := strings.Split(text, "\n---\n")
	var service struct {
		Spec struct {
			ClusterIP  string
			ClusterIPs []string
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(documents[len(documents)-1]), &service))
	require.Equal(t, "192.0.2.10", service.Spec.ClusterIP)
	require.Equal(t, []string{"192.0.2.10", "2001:db8:ffff::a"}, service.Spec.ClusterIPs)
}

func TestWaitingEnds(t *testing.T) {
	t.Run("when the answer is good", func(t *testing.T) {
		left := 2
		err := until(t.Context(), time.Minute, func(context.Context) error {
			left--
			if left > 0 {
				return errors.New("not yet")
			}
			return nil
		})
		require.NoError(t, err)
	})
	t.Run("when the time is over, with the last reason", func(t *testing.T) {
		err := until(t.Context(), time.Millisecond, func(context.Context) error { return errors.New("refused") })
		require.ErrorContains(t, err, "gave up after 1ms: refused")
	})
	t.Run("when somebody interrupts", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := until(ctx, time.Minute, func(context.Context) error { cancel(); return errors.New("refused") })
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "interrupted")
	})
}

func TestAMachineIsCheckedByName(t *testing.T) {
	c := &Cluster{Lab: plan.TwoNodes(plan.DefaultName)}
	name, err := c.Machine("")
	require.NoError(t, err)
	require.Equal(t, "ds-control", name)
	name, err = c.Machine("ds-node2")
	require.NoError(t, err)
	require.Equal(t, "ds-node2", name)
	_, err = c.Machine("node2")
	require.ErrorContains(t, err, `no machine "node2" in the lab`)
}

func TestAMachineThatDoesNotRunIsDown(t *testing.T) {
	c := &Cluster{Dirs: plan.Dirs{Run: t.TempDir()}}
	_, err := c.Pid("ds-node1")
	require.ErrorIs(t, err, ErrDown)
}
