package cli

import (
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Cluster returns the connection that a kubeconfig describes, or that Kubernetes gives every pod when none is named, and where
// it comes from, for messages.
func Cluster(kubeconfig string) (config *rest.Config, source string, err error) {
	if kubeconfig == "" {
		config, err = rest.InClusterConfig()
		if err != nil {
			return nil, "", usageError{fmt.Errorf("--kubeconfig: none given, and this is no pod: %w; name a kubeconfig file", err)}
		}
		return config, "the pod's service account", nil
	}
	config, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, "", usageError{fmt.Errorf("--kubeconfig=%s: %w; name a kubeconfig file that can be read", kubeconfig, err)}
	}
	return config, "kubeconfig " + kubeconfig, nil
}

// Connected calls work with the connection of Cluster. An error of work then says where the connection comes from.
func Connected(kubeconfig string, work func(cluster *rest.Config) error) error {
	cluster, source, err := Cluster(kubeconfig)
	if err != nil {
		return err
	}
	if err := work(cluster); err != nil {
		return fmt.Errorf("connected by %s: %w", source, err)
	}
	return nil
}

// Kubeconfig holds the flags by which a person names a cluster, as kubectl has them.
type Kubeconfig struct{ file, context, namespace string }

// Flags adds the flags.
func (k *Kubeconfig) Flags(f *pflag.FlagSet) {
	f.StringVar(&k.file, "kubeconfig", "", "`file` to use in place of $KUBECONFIG and ~/.kube/config")
	f.StringVar(&k.context, "context", "", "`name` of the kubeconfig's context to use")
	f.StringVarP(&k.namespace, "namespace", "n", "", "`namespace` of the pod; default: the context's")
}

// load reads what the flags, $KUBECONFIG or ~/.kube/config name, as kubectl does.
func (k *Kubeconfig) load() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = k.file
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: k.context})
}

// Credentials returns the user of the context, with the contents of the files that it names, and the context's namespace.
func (k *Kubeconfig) Credentials() (user *clientcmdapi.AuthInfo, namespace string, err error) {
	raw, err := k.load().RawConfig()
	if err == nil {
		if k.context != "" {
			raw.CurrentContext = k.context
		}
		if err = clientcmdapi.MinifyConfig(&raw); err == nil {
			err = clientcmdapi.FlattenConfig(&raw)
		}
	}
	if err != nil {
		return nil, "", usageError{fmt.Errorf("no credentials: %w; name a kubeconfig by --kubeconfig or $KUBECONFIG, and its context by --context", err)}
	}
	context := raw.Contexts[raw.CurrentContext]
	user = raw.AuthInfos[context.AuthInfo]
	if user == nil {
		return nil, "", usageError{fmt.Errorf("the context %q has no user; name another by --context", raw.CurrentContext)}
	}
	if namespace = k.namespace; namespace == "" {
		namespace = context.Namespace
	}
	return user, namespace, nil
}

// Named returns the namespace that the flag names; empty: it names none.
func (k *Kubeconfig) Named() string { return k.namespace }

// Connect returns the connection and the namespace that the flags, $KUBECONFIG or ~/.kube/config describe, as kubectl reads them.
func (k *Kubeconfig) Connect() (config *rest.Config, namespace string, err error) {
	client := k.load()
	if config, err = client.ClientConfig(); err != nil {
		return nil, "", usageError{fmt.Errorf("no connection to a cluster: %w; name a kubeconfig by --kubeconfig or $KUBECONFIG", err)}
	}
	if namespace = k.namespace; namespace == "" {
		namespace, _, err = client.Namespace()
	}
	return config, namespace, err
}
