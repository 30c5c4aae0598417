package claims

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"

	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/kubeconfig"
	"data-space.liqo.io/pkg/values/apis"
)

const (
	windowName   = "data-space-proxy" // its Deployment, Service and Secret
	windowUser   = "pharma-analyst"
	joinedSpace  = "pharma-joined"
	windowLabel  = "data-space.example/window" // of the node that the policy shows
	windowObject = "test/claims/testdata/window.yaml"
)

// windowCertificate gives the API proxy a certificate for its Service, once: the Hospital's step 1 in docs/proxy.md.
func (w *World) windowCertificate(ctx context.Context) error {
	const secret = windowName + "-tls"
	_, err := w.kube.CoreV1().Secrets(apis.SystemNamespace).Get(ctx, secret, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	service, err := w.kube.CoreV1().Services(apis.SystemNamespace).Get(ctx, windowName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the API proxy's Service: %w", err)
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey(service.Spec.ClusterIP, nil, nil)
	if err != nil {
		return fmt.Errorf("make the API proxy's certificate: %w", err)
	}
	_, err = w.kube.CoreV1().Secrets(apis.SystemNamespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secret}, Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": certificate, "tls.key": key},
	}, metav1.CreateOptions{})
	return err
}

// window is pharma's user before the API proxy, and before the API server itself.
type window struct {
	world           *World
	proxied, direct string // kubeconfigs with the same certificate
}

// windowed has a user of pharma, with a certificate as Liqo issues it and plain kubectl, look at the cluster by the API proxy.
func (w *World) windowed(ctx context.Context) (observed string, err error) {
	folder, err := os.MkdirTemp("", "window-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder), w.unwindow(context.WithoutCancel(ctx))) }()
	if _, err := w.run(ctx, "apply", "-f", windowObject); err != nil {
		return "", err
	}
	began := metav1.NewTime(time.Now().Truncate(time.Second))
	user, err := w.analyst(ctx, folder)
	if err != nil {
		return "", err
	}
	refused, err := user.refusedDirectly(ctx)
	if err != nil {
		return "", err
	}
	shown, err := user.shown(ctx)
	if err != nil {
		return "", err
	}
	streams, err := user.streams(ctx)
	if err != nil {
		return "", err
	}
	recorded, err := until(ctx, func(ctx context.Context) (string, error) { return w.windowRecord(ctx, began) })
	return strings.Join([]string{shown, streams, "directly: " + refused, recorded}, "; "), err
}

// unwindow removes what the row has made.
func (w *World) unwindow(ctx context.Context) error {
	_, err := w.run(ctx, "delete", "-f", windowObject, "--ignore-not-found", "--timeout=30s")
	_, label := w.run(ctx, "label", "nodes", "--all", windowLabel+"-")
	_, other := w.run(ctx, "delete", "namespace", joinedSpace, "--ignore-not-found", "--timeout=60s")
	return errors.Join(err, label, other)
}

// analyst returns a user of pharma with a new certificate of the cluster's own signer, whose group is pharma's cluster id as in Liqo's.
func (w *World) analyst(ctx context.Context, folder string) (*window, error) {
	service, err := w.kube.CoreV1().Services(apis.SystemNamespace).Get(ctx, windowName, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the API proxy's Service: %w", err)
	}
	secret, err := w.kube.CoreV1().Secrets(apis.SystemNamespace).Get(ctx, windowName+"-tls", metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the API proxy's certificate: %w", err)
	}
	ca := filepath.Join(folder, "ca")
	if err := os.WriteFile(ca, secret.Data["tls.crt"], 0o600); err != nil {
		return nil, err
	}
	user := &window{world: w, proxied: filepath.Join(folder, "proxied"), direct: filepath.Join(folder, "direct")}
	var out strings.Builder
	status := cli.Run(ctx, kubeconfig.Command(&cli.Kubeconfig{}, cli.Usage), []string{ //nolint:contextcheck // the command has it from cobra
		"--proxy=https://" + service.Spec.ClusterIP, "--certificate-authority=" + ca, "--guest=" + pharmaCluster, "--user=" + windowUser, "--duration=1h", "--to=" + user.proxied,
	}, &out, &out)
	if status != 0 {
		return nil, fmt.Errorf("kubectl dataspace kubeconfig: %s", tail(out.String()))
	}
	return user, user.copyDirect()
}

// copyDirect writes the second kubeconfig: the user's certificate, and the API server of the lab.
func (u *window) copyDirect() error {
	config, err := loaded(u.proxied)
	if err != nil {
		return err
	}
	lab, err := loaded(os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.Clusters[config.Contexts[config.CurrentContext].Cluster] = lab.Clusters[lab.Contexts[lab.CurrentContext].Cluster]
	return saved(config, u.direct)
}

// ask runs kubectl as the user, and returns what it prints, also when it is refused.
func (u *window) ask(ctx context.Context, kubeconfig string, args ...string) (string, error) {
	return u.world.run(ctx, append(args, "--kubeconfig="+kubeconfig)...)
}

// refusedDirectly returns what the API server itself answers to the user.
func (u *window) refusedDirectly(ctx context.Context) (string, error) {
	for _, kind := range []string{"namespaces", "nodes", "storageclasses"} {
		text, err := u.ask(ctx, u.direct, "get", kind)
		if err == nil || !strings.Contains(err.Error(), "Forbidden") {
			return "", fmt.Errorf("the API server lists %s for the user: %s %w", kind, text, err)
		}
	}
	if _, err := u.ask(ctx, u.direct, "get", "pods", "-n", pharmaSpace); err != nil {
		return "", fmt.Errorf("the certificate has no right in the guest's own namespace: %w", err)
	}
	return "namespaces, nodes and classes Forbidden, its own pods listed", nil
}

// shown compares what the user sees by the proxy with what it is to see.
func (u *window) shown(ctx context.Context) (string, error) {
	own, err := u.world.run(ctx, "get", "namespaces", "-l", apis.LabelRemoteCluster+"="+pharmaCluster+",!"+apis.LabelTenantNamespace, "-o", "name")
	if err != nil {
		return "", err
	}
	nodes, err := u.world.run(ctx, "get", "nodes", "-o", "name")
	if err != nil || len(strings.Fields(nodes)) < 2 {
		return "", fmt.Errorf("the lab has the nodes %q: %w", nodes, err)
	}
	node := strings.Fields(nodes)[0]
	if _, err := u.world.run(ctx, "label", node, windowLabel+"=shown"); err != nil {
		return "", err
	}
	for kind, want := range map[string]string{"namespaces": own, "nodes": node + "\n", "storageclasses": "storageclass.storage.k8s.io/window-fast\n"} {
		_, err := until(ctx, func(ctx context.Context) (string, error) { // both replicas know the policy soon
			got, err := u.ask(ctx, u.proxied, "get", kind, "-o", "name")
			if err == nil && got != want {
				err = fmt.Errorf("%s by the proxy: %q, not %q", kind, got, want)
			}
			return got, err
		})
		if err != nil {
			return "", err
		}
	}
	for _, args := range [][]string{{"get", "namespace", hospitalSpace}, {"get", "storageclass", "window-slow"}} {
		if text, err := u.ask(ctx, u.proxied, args...); err == nil || !strings.Contains(err.Error(), "(NotFound)") {
			return "", fmt.Errorf("kubectl %s: %s %w", strings.Join(args, " "), text, err)
		}
	}
	if text, err := u.ask(ctx, u.proxied, "get", "pods", "-n", hospitalSpace); err == nil || !strings.Contains(err.Error(), "(Forbidden)") {
		return "", fmt.Errorf("pods of %s: %s %w", hospitalSpace, text, err)
	}
	if err := u.join(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d namespaces of its own, 1 of %d nodes, 1 of 2 classes, a namespace that joins and leaves; another's NotFound", len(strings.Fields(own)), len(strings.Fields(nodes))), nil
}

// join has the user watch while a namespace of the guest is made, and loses its label.
func (u *window) join(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	events, ended, err := u.watch(watching)
	if err != nil {
		return err
	}
	defer func() {
		stop()
		<-ended
	}()
	awaited := func(event string) error {
		_, err := until(ctx, func(context.Context) (any, error) {
			if lines := events(); !slices.Contains(lines, event) {
				return nil, fmt.Errorf("the watch does not show %q: %q", event, lines)
			}
			return nil, nil
		})
		return err
	}
	if err := awaited("ADDED " + pharmaSpace); err != nil {
		return err
	}
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: joinedSpace, Labels: map[string]string{apis.LabelRemoteCluster: pharmaCluster}}}
	if _, err := u.world.kube.CoreV1().Namespaces().Create(ctx, space, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create %s: %w", joinedSpace, err)
	}
	if err := awaited("ADDED " + joinedSpace); err != nil {
		return err
	}
	if err := u.world.kube.CoreV1().Namespaces().Delete(ctx, joinedSpace, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return awaited("DELETED " + joinedSpace)
}
