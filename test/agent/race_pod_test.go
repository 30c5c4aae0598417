//go:build api

package agent_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// racer is a foreign pod: a tenant that floods from its first instruction on, before its proxy is even made, and a proxy.
type racer struct {
	r      *race
	config *cri.PodSandboxConfig
	pod    *corev1.Pod
	box    string
	proxy  string
	lives  uint32 // of the proxy
	ips    []netip.Addr
}

// object makes the pod in the API.
func (r *race) object(ctx context.Context, name string) (*racer, error) {
	pod, err := r.c.CoreV1().Pods(guest).Create(ctx, scheduledPod(name), metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	config := r.sandboxConfig(guest, name)
	config.Metadata.Uid = string(pod.UID)
	config.Labels, config.Annotations = map[string]string{"racer": name}, map[string]string{"kubernetes.io/config.source": "api"}
	return &racer{r: r, config: config, pod: pod}, nil
}

// begin makes the pod and starts it as the kubelet does: what is refused is tried again until the context ends.
func (r *race) begin(ctx context.Context, name string) (*racer, error) {
	p, err := r.object(ctx, name)
	if err != nil {
		return nil, err
	}
	return p, p.start(ctx)
}

// start starts the pod as the kubelet does.
func (p *racer) start(ctx context.Context) error {
	for {
		err := p.attempt(ctx)
		if err == nil {
			return nil
		}
		p.stop(context.WithoutCancel(ctx))
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not start: %w", p.config.GetMetadata().GetName(), errors.Join(err, context.Cause(ctx)))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// attempt makes the sandbox and runs the tenant, then the proxy.
func (p *racer) attempt(ctx context.Context) error {
	p.config.Metadata.Attempt++
	made, err := p.r.runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: p.config})
	if err != nil {
		return err
	}
	p.box = made.GetPodSandboxId()
	if _, err := p.run(ctx, "app", 0, 0, "flood", p.r.pace.String(), far4, far6); err != nil {
		return err
	}
	status, err := p.r.runtime.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: p.box})
	if err != nil {
		return err
	}
	p.ips = nil
	first := status.GetStatus().GetNetwork()
	for _, text := range append([]string{first.GetIp()}, more(first)...) {
		if ip, err := netip.ParseAddr(text); err == nil {
			p.ips = append(p.ips, ip)
		}
	}
	return p.revive(ctx)
}

func more(s *cri.PodSandboxNetworkStatus) []string {
	var out []string
	for _, ip := range s.GetAdditionalIps() {
		out = append(out, ip.GetIp())
	}
	return out
}

// revive runs a proxy.
func (p *racer) revive(ctx context.Context) (err error) {
	p.proxy, err = p.run(ctx, apis.ProxyContainerName, apis.ProxyUID, 0, "proxy",
		fmt.Sprintf("%s:%d", peer4, peerPort), fmt.Sprintf("[%s]:%d", peer6, peerPort))
	return err
}

// run makes a container with the runtime's default capabilities but NET_RAW, which admission takes, and starts it.
func (p *racer) run(ctx context.Context, name string, uid, memory int64, args ...string) (string, error) {
	p.lives++
	made, err := p.r.runtime.CreateContainer(ctx, &cri.CreateContainerRequest{
		PodSandboxId: p.box, SandboxConfig: p.config,
		Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: name, Attempt: p.lives}, Image: &cri.ImageSpec{Image: racerImage}, Args: args,
			Linux: &cri.LinuxContainerConfig{
				Resources: &cri.LinuxContainerResources{MemoryLimitInBytes: memory},
				SecurityContext: &cri.LinuxContainerSecurityContext{
					RunAsUser: &cri.Int64Value{Value: uid}, RunAsGroup: &cri.Int64Value{Value: uid},
					Capabilities:     &cri.Capability{DropCapabilities: []string{"NET_RAW"}},
					NamespaceOptions: p.config.GetLinux().GetSecurityContext().GetNamespaceOptions(),
				},
			},
		},
	})
	if err != nil {
		return "", err
	}
	_, err = p.r.runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: made.GetContainerId()})
	return made.GetContainerId(), err
}

// stop takes the sandboxes of the pod away, those of broken-off attempts included: as the kubelet, containers first. (A
// containerd that is asked to remove a sandbox that has containers blocks for good if an NRI plugin connects meanwhile.)
func (p *racer) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	mine := map[string]string{"racer": p.config.GetMetadata().GetName()}
	boxes, problems := p.r.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{Filter: &cri.PodSandboxFilter{LabelSelector: mine}})
	for _, b := range boxes.GetItems() {
		_, err := p.r.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: b.GetId()})
		problems = errors.Join(problems, err)
		all, err := p.r.runtime.ListContainers(ctx, &cri.ListContainersRequest{Filter: &cri.ContainerFilter{PodSandboxId: b.GetId()}})
		problems = errors.Join(problems, err)
		for _, c := range all.GetContainers() {
			_, err := p.r.runtime.RemoveContainer(ctx, &cri.RemoveContainerRequest{ContainerId: c.GetId()})
			problems = errors.Join(problems, err)
		}
		_, err = p.r.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: b.GetId()})
		problems = errors.Join(problems, err)
	}
	if problems != nil {
		p.r.t.Logf("%s: %v", mine, problems)
	}
}

// end deletes the pod.
func (p *racer) end(ctx context.Context) {
	p.stop(ctx)
	zero := int64(0)
	_ = p.r.c.CoreV1().Pods(guest).Delete(ctx, p.pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &zero})
}
