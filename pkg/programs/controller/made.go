package controller

import (
	"crypto/sha256"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/decisions/envoy"
	"data-space.liqo.io/pkg/values/apis"
)

// made remembers, by hashes, from what the proxies' configuration of each namespace was made, and what came of it: to make one takes some
// ten milliseconds of a processor, and a namespace is looked at whenever a label of it changes. One goroutine uses it.
type made map[string]madeFrom

type madeFrom struct{ settings, texts [sha256.Size]byte }

// configs returns the configuration of a namespace's proxies, for Envoy that parses HTTP and for the module that reads along. What have holds
// is returned as it is, if that is what was made of the same settings.
func (m made) configs(settings envoy.Settings, have *corev1.ConfigMap) (plain, module string, err error) {
	from := sha256.Sum256(fmt.Appendf(nil, "%#v", settings))
	if have != nil {
		plain, module = have.Data[apis.EnvoyConfigKey], have.Data[apis.EnvoyModuleConfigKey]
		if m[settings.Namespace] == (madeFrom{from, hashOf(plain, module)}) {
			return plain, module, nil
		}
	}
	texts := [2][]byte{}
	for i, reader := range []string{"", apis.ProxyModule} {
		settings.Reader = reader
		if texts[i], err = envoy.Bootstrap(settings); err != nil {
			return "", "", err
		}
	}
	plain, module = string(texts[0]), string(texts[1])
	m[settings.Namespace] = madeFrom{from, hashOf(plain, module)}
	return plain, module, nil
}

func hashOf(plain, module string) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %s%s", len(plain), plain, module))
}
