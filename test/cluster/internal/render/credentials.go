package render

import (
	"fmt"
	"net/netip"
	"time"

	"sigs.k8s.io/yaml"

	"data-space.liqo.io/test/cluster/internal/pki"
	"data-space.liqo.io/test/cluster/internal/plan"
)

// Files are file contents by path below a machine's configuration directory.
type Files map[string][]byte

// pair adds a certificate and its key as NAME.crt and NAME.key.
func (f Files) pair(name string, p pki.Pair) {
	f[name+".crt"], f[name+".key"] = p.Cert, p.Key
}

// Credentials are the certificates of one cluster.
type Credentials struct {
	lab       plan.Lab
	authority *pki.Authority
	tokens    pki.Pair
}

// NewCredentials makes the cluster's authority and the key pair of its service account tokens.
func NewCredentials(lab plan.Lab, now time.Time) (*Credentials, error) {
	authority, err := pki.NewAuthority("data-spacer-lab", now)
	if err != nil {
		return nil, err
	}
	tokens, err := pki.NewKeyPair()
	if err != nil {
		return nil, err
	}
	return &Credentials{lab: lab, authority: authority, tokens: tokens}, nil
}

// Admin is the kubeconfig of the cluster's administrator.
func (c *Credentials) Admin() ([]byte, error) { return c.kubeconfig("lab-admin", "system:masters") }

// Control are the control plane's certificates and kubeconfigs.
func (c *Credentials) Control() (Files, error) {
	files := Files{}
	files["ca.crt"], files["ca.key"] = c.authority.Cert, c.authority.Key
	files.pair("tokens", c.tokens)
	for name, subject := range map[string]pki.Subject{
		"apiserver":   c.apiServer(),
		"kubelets":    {CommonName: "kube-apiserver-kubelet-client", Organization: "system:masters"},
		"aggregation": {CommonName: "front-proxy-client"},
	} {
		pair, err := c.authority.Issue(subject)
		if err != nil {
			return nil, err
		}
		files.pair(name, pair)
	}
	for _, user := range []string{"kube-controller-manager", "kube-scheduler", "kube-proxy"} {
		config, err := c.kubeconfig("system:"+user, "")
		if err != nil {
			return nil, err
		}
		files[user+".kubeconfig"] = config
	}
	return files, nil
}

// Node are a node's certificates and kubeconfigs.
func (c *Credentials) Node(m plan.Machine) (Files, error) {
	files := Files{"ca.crt": c.authority.Cert}
	serving, err := c.authority.Issue(pki.Subject{
		CommonName: "system:node:" + m.Name, Organization: "system:nodes",
		Names: []string{m.Name}, Addrs: []netip.Addr{m.IPv4.Addr(), m.IPv6.Addr()},
	})
	if err != nil {
		return nil, err
	}
	files.pair("kubelet", serving)
	if files["kubelet.kubeconfig"], err = c.kubeconfig("system:node:"+m.Name, "system:nodes"); err != nil {
		return nil, err
	}
	files["kube-proxy.kubeconfig"], err = c.kubeconfig("system:kube-proxy", "")
	return files, err
}

func (c *Credentials) apiServer() pki.Subject {
	return pki.Subject{
		CommonName: "kube-apiserver",
		Names: []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		},
		Addrs: []netip.Addr{
			netip.MustParseAddr("127.0.0.1"), c.lab.Control.IPv4.Addr(), c.lab.Control.IPv6.Addr(),
			plan.FirstService(c.lab.ServicesV4), plan.FirstService(c.lab.ServicesV6),
		},
	}
}

// kubeconfig is complete in itself: the certificates are inside.
func (c *Credentials) kubeconfig(user, group string) ([]byte, error) {
	pair, err := c.authority.Issue(pki.Subject{CommonName: user, Organization: group})
	if err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "lab",
		"clusters": []any{map[string]any{"name": "lab", "cluster": map[string]any{
			"server": "https://" + c.lab.APIServer().String(), "certificate-authority-data": c.authority.Cert,
		}}},
		"users": []any{map[string]any{"name": user, "user": map[string]any{
			"client-certificate-data": pair.Cert, "client-key-data": pair.Key,
		}}},
		"contexts": []any{map[string]any{"name": "lab", "context": map[string]any{"cluster": "lab", "user": user}}},
	})
	if err != nil {
		return nil, fmt.Errorf("kubeconfig of %s: %w", user, err)
	}
	return text, nil
}
