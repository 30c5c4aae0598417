package cluster

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"text/template"
	"time"

	"data-space.liqo.io/test/cluster/internal/plan"
)

//go:embed coredns.yaml
var dnsManifest string

// renderDNS is the manifest of the cluster's DNS for the addresses of lab.
func renderDNS(lab plan.Lab) (string, error) {
	t, err := template.New("coredns.yaml").Option("missingkey=error").Parse(dnsManifest)
	if err != nil {
		return "", fmt.Errorf("DNS manifest: %w", err)
	}
	var text bytes.Buffer
	if err := t.Execute(&text, lab); err != nil {
		return "", fmt.Errorf("DNS manifest: %w", err)
	}
	return text.String(), nil
}

// dns applies the manifest and waits until the pods run.
func (c *Cluster) dns(ctx context.Context) error {
	manifest, err := renderDNS(c.Lab)
	if err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, manifest, "apply", "--filename=-"); err != nil {
		return err
	}
	return c.dnsReady(ctx, time.Minute)
}

func (c *Cluster) dnsReady(ctx context.Context, limit time.Duration) error {
	_, err := c.kubectl(ctx, "", "--namespace=kube-system", "rollout", "status", "deployment/coredns", "--timeout="+limit.String())
	return err
}
