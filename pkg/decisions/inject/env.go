package inject

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// addHTTPProxy names the explicit proxy to a container that names none. Both spellings are one setting: programs differ
// in which they read first, so adding the second one would override the first.
func addHTTPProxy(p *patch, c located) []string {
	if sets(c.Env, "http_proxy", "HTTP_PROXY") {
		return nil
	}
	if len(c.EnvFrom) > 0 {
		return []string{fmt.Sprintf("%s: envFrom may set http_proxy, so it is left as it is; set http_proxy=%s in env to use the proxy",
			c.path, proxyURL())}
	}
	added := both("http_proxy", "HTTP_PROXY", proxyURL())
	if !sets(c.Env, "no_proxy", "NO_PROXY") {
		added = append(added, both("no_proxy", "NO_PROXY", "localhost,127.0.0.1,::1")...)
	}
	appendAll(p, pointer(c.path.Child("env")), len(c.Env), added)
	return nil
}

func proxyURL() string {
	return fmt.Sprintf("http://127.0.0.1:%d", apis.PortEgressHTTP)
}

func both(lower, upper, value string) []corev1.EnvVar {
	return []corev1.EnvVar{{Name: lower, Value: value}, {Name: upper, Value: value}}
}

// sets reports whether the environment has any of the names, even with an empty value.
func sets(env []corev1.EnvVar, names ...string) bool {
	return slices.ContainsFunc(env, func(v corev1.EnvVar) bool { return slices.Contains(names, v.Name) })
}
