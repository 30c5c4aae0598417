package cli

import (
	"fmt"

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
