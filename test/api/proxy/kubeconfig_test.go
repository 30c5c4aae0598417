//go:build api

package proxy

import (
	"bytes"
	"context"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"data-space.liqo.io/pkg/programs/cli"
	"data-space.liqo.io/pkg/programs/kubeconfig"
	"data-space.liqo.io/test/kit"
)

// kubeconfigOf writes a kubeconfig of a connection by certificate, and returns its file.
func kubeconfigOf(t *testing.T, config *rest.Config) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	c := clientcmdapi.NewConfig()
	c.CurrentContext = "test"
	c.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test", Namespace: "pharma-a"}
	c.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	c.AuthInfos["test"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	require.NoError(t, clientcmd.WriteToFile(*c, file))
	return file
}

// kubectlCommand returns a call of kubectl with a kubeconfig, and a cache of its own.
func kubectlCommand(t *testing.T, file string, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"), append(args, "--kubeconfig="+file, "--cache-dir="+t.TempDir())...)
}

// signer runs the real kube-controller-manager, whose controller signs what is approved, and returns the file of its CA.
func (w *world) signer(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	certificate, key := otherCA(t, "signer")
	block, _ := pem.Decode(key)
	require.NotNil(t, block)
	ca := file("ca", certificate)
	command := exec.Command(os.Getenv("KUBE_CONTROLLER_MANAGER"), "--kubeconfig="+kubeconfigOf(t, w.Config), "--controllers=csrsigning", "--leader-elect=false",
		"--secure-port="+strconv.Itoa(int(kit.FreeAddress(t).Port())), "--bind-address=127.0.0.1", "--cluster-signing-cert-file="+ca, "--cluster-signing-key-file="+file("key", key))
	output := &kit.Output{}
	command.Stderr = output
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = command.Wait() // it ends by the signal
		if t.Failed() {
			t.Log(output.End())
		}
	})
	return ca
}

// generated runs "kubectl dataspace kubeconfig" as an administrator, and returns the file that it makes.
func (w *world) generated(t *testing.T, args ...string) string {
	t.Helper()
	folder := t.TempDir()
	ca, to := filepath.Join(folder, "ca"), filepath.Join(folder, "made")
	require.NoError(t, os.WriteFile(ca, w.ca, 0o600))
	var stdout, stderr bytes.Buffer
	args = append([]string{"--kubeconfig=" + kubeconfigOf(t, w.Config), "--proxy=https://" + w.address, "--certificate-authority=" + ca, "--to=" + to}, args...)
	ctx, cancel := context.WithTimeout(t.Context(), 3*waitLong) // also until the signer has started
	defer cancel()
	require.Zero(t, cli.Run(ctx, kubeconfig.Command(&cli.Kubeconfig{}, cli.Usage), args, &stdout, &stderr), stderr.String())
	return to
}

func TestAKubeconfigForAGuestIsMadeByTheCertificatesAPI(t *testing.T) {
	w := newWorld(t)
	second, stop := w.another(t, "--client-ca-file="+w.signer(t))
	t.Cleanup(func() { require.NoError(t, stop()) })
	for name, c := range map[string]struct{ args, want []string }{
		"a guest's user": {[]string{"--guest=" + guest, "--user=analyst"}, []string{"namespace/pharma-a", "namespace/pharma-b"}},
		"another's":      {[]string{"--guest=rival"}, []string{"namespace/rival-a"}},
	} {
		file := second.generated(t, c.args...)
		out, err := kubectlCommand(t, file, "get", "namespaces", "-o", "name").CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
		require.Equal(t, c.want, strings.Fields(string(out)), name)
	}
	eventually(t, func() bool { return strings.Contains(second.output.String(), `"caller":"analyst"`) }, "the certificate names the user")
}
