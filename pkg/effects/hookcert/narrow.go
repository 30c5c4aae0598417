package hookcert

import (
	"net/http"
	"path"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// narrowed is a manager whose configuration asks only for the objects that the certificate rotator is about. The rotator
// makes a cache of its own, of all Secrets of the namespace and all webhook configurations, and has no option for less;
// with it the program would need the right to read them all. A list that selects metadata.name is granted by a rule with
// resourceNames (Kubernetes documentation, "Referring to resources").
type narrowed struct {
	manager.Manager
	config *rest.Config
	writer client.Client
}

// narrow returns mgr with lists and watches of each resource (its plural) narrowed to the object named, and with a client that writes.
func narrow(mgr manager.Manager, writer client.Client, names map[string]string) manager.Manager {
	config := rest.CopyConfig(mgr.GetConfig())
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &selecting{next: next, names: names} })
	return narrowed{Manager: mgr, config: config, writer: writer}
}

// GetConfig overrides manager.Manager.
func (n narrowed) GetConfig() *rest.Config { return n.config }

// GetClient overrides manager.Manager.
func (n narrowed) GetClient() client.Client { return n.writer }

// selecting adds a field selector to requests for collections. It is safe for concurrent use.
type selecting struct {
	next  http.RoundTripper
	names map[string]string
}

// RoundTrip implements http.RoundTripper.
func (s *selecting) RoundTrip(req *http.Request) (*http.Response, error) {
	name, ok := s.names[path.Base(req.URL.Path)]
	if !ok || req.Method != http.MethodGet {
		return s.next.RoundTrip(req)
	}
	req = req.Clone(req.Context())
	query := req.URL.Query()
	query.Set("fieldSelector", "metadata.name="+name)
	req.URL.RawQuery = query.Encode()
	return s.next.RoundTrip(req)
}
