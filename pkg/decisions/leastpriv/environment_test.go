package leastpriv_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/decisions/leastpriv"
	"data-space.liqo.io/pkg/values/apis"
)

func pod(containers ...corev1.Container) corev1.PodSpec {
	return corev1.PodSpec{Containers: containers}
}

func env(pairs ...string) []corev1.EnvVar {
	var all []corev1.EnvVar
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, corev1.EnvVar{Name: pairs[i], Value: pairs[i+1]})
	}
	return all
}

func fromMap(name string, optional bool) corev1.EnvFromSource {
	return corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Optional: &optional}}
}

func TestEachPlaceOfAPodIsRead(t *testing.T) {
	config, secret := leastpriv.Source{Kind: leastpriv.KindConfigMap, Name: "conf"}, leastpriv.Source{Kind: leastpriv.KindSecret, Name: "cred"}
	contents := map[leastpriv.Source]map[string]string{
		config: {"URL": "http://a.map.svc", "HOST": "b.map.svc", "LITERAL": "$(URL)"},
		secret: {"dsn": "postgres://u:p@c.secret.svc:5432"},
	}
	secretRef := corev1.EnvFromSource{Prefix: "S_", SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "cred"}}}
	key := corev1.EnvVar{Name: "DSN", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "cred"}, Key: "dsn"}}}
	mapKey := corev1.EnvVar{Name: "H", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "conf"}, Key: "HOST"}}}
	own := corev1.EnvVar{Name: "NS", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}}
	node := corev1.EnvVar{Name: "NODE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}}
	for name, test := range map[string]struct {
		pod  corev1.PodSpec
		want []string // NAME in WHERE
	}{
		"a variable":              {pod(corev1.Container{Name: "app", Env: env("X", "a.b.svc")}), []string{"a.b in container app, variable X"}},
		"an init container":       {corev1.PodSpec{InitContainers: []corev1.Container{{Name: "init", Env: env("X", "a.b.svc")}}}, []string{"a.b in container init, variable X"}},
		"command and arguments":   {pod(corev1.Container{Name: "app", Command: []string{"curl", "a.b.svc"}, Args: []string{"--to=c.d.svc"}}), []string{"curl.home in container app, argument 0", "a.b in container app, argument 1", "c.d in container app, argument 2"}},
		"the proxy is not a wish": {pod(corev1.Container{Name: apis.ProxyContainerName, Env: env("X", "a.b.svc")}), nil},
		"a ConfigMap": {pod(corev1.Container{Name: "app", EnvFrom: []corev1.EnvFromSource{fromMap("conf", false)}}),
			[]string{"b.map in container app, ConfigMap conf key HOST", "a.map:80? in container app, ConfigMap conf key URL"}},
		"a key of a ConfigMap": {pod(corev1.Container{Name: "app", Env: []corev1.EnvVar{mapKey}}), []string{"b.map in container app, variable H from ConfigMap conf key HOST"}},
		"a Secret":             {pod(corev1.Container{Name: "app", EnvFrom: []corev1.EnvFromSource{secretRef}}), []string{"c.secret:5432 in container app, Secret cred key dsn"}},
		"a key of a Secret":    {pod(corev1.Container{Name: "app", Env: []corev1.EnvVar{key}}), []string{"c.secret:5432 in container app, variable DSN from Secret cred key dsn"}},
		"a replaced variable": {pod(corev1.Container{Name: "app", EnvFrom: []corev1.EnvFromSource{fromMap("conf", false)}, Env: env("URL", "-", "HOST", "-")}),
			nil},
		"composed variables": {pod(corev1.Container{Name: "app", Env: append(append([]corev1.EnvVar{own, node}, env("NAME", "x-y", "PORT", "99")...),
			env("U", "http://$(NAME).$(NS).svc:$(PORT)", "ESCAPED", "$$(NAME).data.svc", "LATER", "$(AFTER).data.svc", "AFTER", "z")...), Args: []string{"$(NAME).w.svc", "$(", "$", "$(NODE).w.svc"}}),
			[]string{"home.home in container app, variable NS", "x-y.home in container app, variable NAME", "99.home in container app, variable PORT",
				"x-y.home:99 in container app, variable U", "z.home in container app, variable AFTER", "x-y.w in container app, argument 0"}},
		"composed of a ConfigMap": {pod(corev1.Container{Name: "app", EnvFrom: []corev1.EnvFromSource{{Prefix: "P_", ConfigMapRef: fromMap("conf", false).ConfigMapRef}}, Args: []string{"http://$(P_HOST):1"}}),
			[]string{"b.map in container app, ConfigMap conf key HOST", "a.map:80? in container app, ConfigMap conf key URL", "b.map:1 in container app, argument 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			wishes := leastpriv.FindAll(test.pod, "home", "cluster.local", contents)
			var found []string
			for _, w := range wishes.All {
				found = append(found, shown(w.Name)+" in "+w.Where)
			}
			require.Equal(t, test.want, found)
			require.Empty(t, wishes.Missing)
			require.False(t, wishes.Cut)
		})
	}
}

func TestSourcesThatCannotBeReadAreNamedUnlessTheyAreOptional(t *testing.T) {
	p := pod(corev1.Container{Name: "app", EnvFrom: []corev1.EnvFromSource{fromMap("z", false), fromMap("a", true), {SecretRef: &corev1.SecretEnvSource{}}, {}}})
	require.Len(t, leastpriv.Sources(p), 3)
	missing := leastpriv.FindAll(p, "home", "cluster.local", nil).Missing
	require.Equal(t, []leastpriv.Source{{Kind: "ConfigMap", Name: "z"}, {Kind: "Secret"}}, missing)
}

// What a tenant writes is bounded in what it costs and in what is kept.
func TestAWorkloadsTextIsBounded(t *testing.T) {
	t.Run("names", func(t *testing.T) {
		var text strings.Builder
		for i := range leastpriv.NamesLimit + 10 {
			fmt.Fprintf(&text, "a%d.b.svc ", i)
		}
		wishes := leastpriv.FindAll(pod(corev1.Container{Env: env("X", text.String())}), "home", "cluster.local", nil)
		require.Len(t, wishes.All, leastpriv.NamesLimit)
		require.True(t, wishes.Cut)
	})
	t.Run("one value", func(t *testing.T) {
		wishes := leastpriv.FindAll(pod(corev1.Container{Env: env("X", strings.Repeat(" ", leastpriv.TextLimit)+"a.b.svc")}), "home", "cluster.local", nil)
		require.Empty(t, wishes.All)
		require.True(t, wishes.Cut)
	})
	t.Run("many values", func(t *testing.T) {
		var pairs []string
		for i := range 40 {
			pairs = append(pairs, fmt.Sprint("X", i), strings.Repeat("-", leastpriv.TextLimit))
		}
		wishes := leastpriv.FindAll(pod(corev1.Container{Env: env(append(pairs, "LAST", "a.b.svc")...)}), "home", "cluster.local", nil)
		require.Empty(t, wishes.All)
		require.True(t, wishes.Cut)
	})
	t.Run("values that double", func(t *testing.T) {
		pairs := []string{"X0", "0123456789"}
		for i := range 2000 {
			pairs = append(pairs, fmt.Sprint("X", i+1), strings.Repeat(fmt.Sprintf("$(X%d)", i), 50))
		}
		began := time.Now()
		wishes := leastpriv.FindAll(pod(corev1.Container{Env: env(pairs...)}), "home", "cluster.local", nil)
		require.True(t, wishes.Cut)
		require.Less(t, time.Since(began), 20*time.Second, "without a bound it does not end")
	})
	t.Run("sources", func(t *testing.T) {
		var from []corev1.EnvFromSource
		for i := range leastpriv.SourcesLimit + 5 {
			from = append(from, fromMap(fmt.Sprint("c", i), false))
		}
		require.Len(t, leastpriv.Sources(pod(corev1.Container{EnvFrom: from})), leastpriv.SourcesLimit)
	})
	t.Run("what is shown of names", func(t *testing.T) {
		wishes := leastpriv.FindAll(pod(corev1.Container{Name: "app", Env: env("X\n"+strings.Repeat("x", 500), "a.b.svc")}), "home", "cluster.local", nil)
		require.Equal(t, "container app, variable X?"+strings.Repeat("x", 62)+"…", wishes.All[0].Where)
	})
}
