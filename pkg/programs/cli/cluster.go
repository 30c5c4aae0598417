package cli

import (
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
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

// Kubeconfig holds the flags by which a person names a cluster, as kubectl has them.
type Kubeconfig struct{ file, context, namespace string }

// Flags adds the flags.
func (k *Kubeconfig) Flags(f *pflag.FlagSet) {
	f.StringVar(&k.file, "kubeconfig", "", "`file` to use in place of $KUBECONFIG and ~/.kube/config")
	f.StringVar(&k.context, "context", "", "`name` of the kubeconfig's context to use")
	f.StringVarP(&k.namespace, "namespace", "n", "", "`namespace` of the pod; default: the context's")
}

// Connect returns the connection and the namespace that the flags, $KUBECONFIG or ~/.kube/config describe, as kubectl reads them.
func (k *Kubeconfig) Connect() (config *rest.Config, namespace string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = k.file
	client := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: k.context})
	if config, err = client.ClientConfig(); err != nil {
		return nil, "", usageError{fmt.Errorf("no connection to a cluster: %w; name a kubeconfig by --kubeconfig or $KUBECONFIG", err)}
	}
	if namespace = k.namespace; namespace == "" {
		namespace, _, err = client.Namespace()
	}
	return config, namespace, err
}
