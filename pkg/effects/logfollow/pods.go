package logfollow

import (
	"os"
	"strings"
	"time"

	"data-space.liqo.io/pkg/decisions/record"
)

// Pods lists the pods of Deployments of this node that have a log folder in root, as sources without a guest; containers has the container that is
// followed, by the Deployment's name. A tenant makes no pods in namespaces other than its own, and a name holds no "_", so no folder of another pod
// is taken for one of these.
func Pods(root, namespace string, containers map[string]string) []record.Source {
	listed, err := os.ReadDir(root)
	if err != nil {
		return nil // no pod has logged yet
	}
	var all []record.Source
	for _, entry := range listed {
		parts := strings.Split(entry.Name(), "_")
		if len(parts) != 3 || parts[0] != namespace {
			continue
		}
		for deployment, container := range containers {
			if strings.HasPrefix(parts[1], deployment+"-") {
				all = append(all, record.Source{Namespace: namespace, Pod: parts[1], UID: parts[2], Container: container})
			}
		}
	}
	return all
}

// Listed returns what calls Pods at most once in lookInterval. It is for one goroutine.
func Listed(root, namespace string, containers map[string]string) func() []record.Source {
	var known []record.Source
	var at time.Time
	return func() []record.Source {
		if time.Since(at) >= lookInterval {
			known, at = Pods(root, namespace, containers), time.Now()
		}
		return known
	}
}
