package controller

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/decisions/guard"
	"data-space.liqo.io/pkg/values/apis"
)

func TestAConfigurationIsMadeOnceAndAgainWhenItsSettingsChangeOrItIsEdited(t *testing.T) {
	m := made{}
	settings := envoy.Settings{Namespace: "one", GuestID: "pharma", ClusterDNS: []netip.Addr{netip.MustParseAddr("192.0.2.53")}}.Default()
	plain, module, err := m.configs(settings, nil)
	require.NoError(t, err)
	require.NotEqual(t, plain, module)
	have := guard.ConfigMap(guard.Namespace{Name: "one"}, plain, module)

	same := testing.AllocsPerRun(1, func() { _, _, err = m.configs(settings, have) })
	require.NoError(t, err)
	require.Less(t, same, 100.0, "nothing is made again")

	for name, edit := range map[string]func(data map[string]string){
		"edited": func(data map[string]string) { data[apis.EnvoyConfigKey] += "\n" },
		"swapped": func(data map[string]string) {
			data[apis.EnvoyConfigKey], data[apis.EnvoyModuleConfigKey] = module, plain
		},
		"moved across": func(data map[string]string) {
			data[apis.EnvoyConfigKey], data[apis.EnvoyModuleConfigKey] = plain+module, ""
		},
		"removed": func(data map[string]string) { delete(data, apis.EnvoyModuleConfigKey) },
	} {
		edited := have.DeepCopy()
		edit(edited.Data)
		again, alsoAgain, err := m.configs(settings, edited)
		require.NoError(t, err)
		require.Equal(t, [2]string{plain, module}, [2]string{again, alsoAgain}, name)
	}
	settings.GuestID = "rival"
	other, _, err := m.configs(settings, have)
	require.NoError(t, err)
	require.NotEqual(t, plain, other)
}
