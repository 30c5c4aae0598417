package kubeconfig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Cluster is the cluster that the caller's kubeconfig names.
type Cluster interface {
	// Flags adds the flags by which it is named.
	Flags(f *pflag.FlagSet)
	// Connect returns the connection, and the namespace of the context.
	Connect() (config *rest.Config, namespace string, err error)
	// Credentials returns the user of the context, and its namespace.
	Credentials() (user *clientcmdapi.AuthInfo, namespace string, err error)
}

// request is what the command line asks for.
type request struct {
	cluster     Cluster
	usage       func(error) error // marks an error of the command line
	proxy, ca   string
	guest, user string
	groups      []string
	lasts       time.Duration
	approve     bool
	to          string
}

// Command returns "kubeconfig". usage marks an error of the command line.
func Command(cluster Cluster, usage func(error) error) *cobra.Command {
	r := request{cluster: cluster, usage: usage}
	c := &cobra.Command{
		Use:   "kubeconfig --proxy URL [--guest ID | --user NAME]",
		Short: "write a kubeconfig whose server is the API proxy, with a new client certificate or the credentials that are there",
		Long: "kubeconfig writes a kubeconfig whose server is the API proxy.\n" +
			"With --guest or --user it makes a key and has the API server sign a client certificate for it (CertificateSigningRequest, signer\n" +
			"kubernetes.io/kube-apiserver-client), as Liqo does for a guest. Without them the credentials of the current context are taken over.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := r.check(); err != nil {
				return r.usage(err)
			}
			return r.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	r.flags(c.Flags())
	return c
}

func (r *request) flags(f *pflag.FlagSet) {
	f.StringVar(&r.proxy, "proxy", "", "`URL` of the API proxy (required)")
	f.StringVar(&r.ca, "certificate-authority", "", "`file` of the CA certificates that verify the API proxy's; default: those of the caller's machine")
	f.StringVar(&r.guest, "guest", "", "`cluster id` of a guest: the certificate is for one of its users, with its rights")
	f.StringVar(&r.user, "user", "", "`name` of the user that the certificate is for; default with --guest: the cluster id")
	f.StringSliceVar(&r.groups, "group", nil, "`groups` of that user, comma-separated")
	f.DurationVar(&r.lasts, "duration", 24*time.Hour, "`time` for which the certificate is valid; the signer may shorten it")
	f.BoolVar(&r.approve, "approve", true, "approve the request; false: wait until it is approved by another")
	f.StringVar(&r.to, "to", "", "`file` that is made, readable by its owner only; default: standard output")
	r.cluster.Flags(f)
}

// shortest is what the API server accepts as a certificate's duration.
const shortest = 10 * time.Minute

func (r *request) check() error {
	at, err := url.Parse(r.proxy)
	switch {
	case r.proxy == "":
		return errors.New("--proxy is missing; give the URL of the API proxy, such as https://api.hospital.example")
	case err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil || at.RawQuery != "" || at.Fragment != "":
		return fmt.Errorf("--proxy=%q: not an https URL of a host; write for example https://api.hospital.example", r.proxy)
	case len(r.groups) > 0 && r.user == "" && r.guest == "":
		return errors.New("--group is given without --user; name the user that the certificate is for")
	case r.lasts < shortest:
		return fmt.Errorf("--duration=%s: the API server signs for %s at least", r.lasts, shortest)
	}
	return nil
}

func (r *request) run(ctx context.Context, stdout, stderr io.Writer) error {
	var authority []byte
	if r.ca != "" {
		var err error
		if authority, err = os.ReadFile(r.ca); err != nil {
			return r.usage(fmt.Errorf("--certificate-authority=%s: %w", r.ca, err))
		}
	}
	if r.to == "" {
		return r.write(ctx, authority, stdout, stderr)
	}
	file, err := os.OpenFile(r.to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // before a certificate is issued, which cannot be revoked
	if err != nil {
		return r.usage(fmt.Errorf("--to=%s: %w; name a file that is not there yet", r.to, err))
	}
	if err := errors.Join(r.write(ctx, authority, file, stderr), file.Close()); err != nil {
		return errors.Join(err, os.Remove(r.to))
	}
	return nil
}

// write writes the kubeconfig.
func (r *request) write(ctx context.Context, authority []byte, to, stderr io.Writer) error {
	user, namespace, err := r.credentials(ctx, stderr)
	if err != nil {
		return err
	}
	text, err := clientcmd.Write(written(r.proxy, authority, namespace, user))
	if err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	_, err = to.Write(text)
	return err
}

// credentials returns a new certificate, or what the current context has, and the namespace of the context.
func (r *request) credentials(ctx context.Context, stderr io.Writer) (*clientcmdapi.AuthInfo, string, error) {
	if r.guest == "" && r.user == "" {
		user, namespace, err := r.cluster.Credentials()
		return user, namespace, err
	}
	config, namespace, err := r.cluster.Connect()
	if err != nil {
		return nil, "", err
	}
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, "", fmt.Errorf("setting up against the API server %s: %w; check --kubeconfig", config.Host, err)
	}
	name, groups := r.user, r.groups
	if r.guest != "" {
		groups = append([]string{r.guest}, groups...)
		if name == "" {
			name = r.guest
		}
	}
	user, err := certificate(ctx, clients, subject{name, groups}, r.lasts, r.approve, stderr)
	return user, namespace, err
}

// written returns a kubeconfig of one context.
func written(server string, authority []byte, namespace string, user *clientcmdapi.AuthInfo) clientcmdapi.Config {
	const name = "data-space-proxy"
	c := clientcmdapi.NewConfig()
	c.CurrentContext = name
	c.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: namespace}
	c.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: authority}
	c.AuthInfos[name] = user
	return *c
}
