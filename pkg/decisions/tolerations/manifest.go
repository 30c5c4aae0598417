package tolerations

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Manifest turns a settings document of the original policy into the manifest of a ProtectedTaint. Without a name it is named after the taint.
func Manifest(document []byte, name string) ([]byte, error) {
	taint, err := parseSettings(document)
	if err != nil {
		return nil, err
	}
	for _, domain := range []string{"node.kubernetes.io/", "node.cloudprovider.kubernetes.io/"} {
		if strings.HasPrefix(taint.Key, domain) {
			return nil, fmt.Errorf("taint.key: %q is a taint of Kubernetes, which adds tolerations of it to pods by itself: all pods would be refused; protect a key of your own", taint.Key)
		}
	}
	if name == "" {
		name = taint.ObjectName()
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return nil, fmt.Errorf("--name: %q is not an object's name: %s", name, problems[0])
	}
	object := map[string]any{
		"apiVersion": v1alpha1.Group + "/" + v1alpha1.Version, "kind": "ProtectedTaint", "metadata": map[string]any{"name": name},
		"spec": v1alpha1.ProtectedTaintSpec{
			Taint:        v1alpha1.Taint{Key: v1alpha1.LabelKey(taint.Key), Value: taint.Value},
			AllowedUsers: taint.Users, AllowedGroups: taint.Groups,
		},
	}
	return yaml.Marshal(object)
}
