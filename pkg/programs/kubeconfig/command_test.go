package kubeconfig

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"data-space.liqo.io/pkg/programs/cli"
)

// run runs the command, and returns its exit status and what it prints.
func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, problem bytes.Buffer
	status = cli.Run(t.Context(), Command(&cli.Kubeconfig{}, cli.Usage), args, &out, &problem)
	return status, out.String(), problem.String()
}

// theirs writes a kubeconfig of two users.
func theirs(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	token := filepath.Join(folder, "cert")
	require.NoError(t, os.WriteFile(token, []byte("certificate"), 0o600))
	c := clientcmdapi.NewConfig()
	c.CurrentContext = "direct"
	c.Clusters["cluster"] = &clientcmdapi.Cluster{Server: "https://direct.example", InsecureSkipTLSVerify: true}
	c.Contexts["direct"] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "study", Namespace: "pharma-study"}
	c.Contexts["other"] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: "other"}
	c.AuthInfos["study"] = &clientcmdapi.AuthInfo{ClientCertificate: token, ClientKeyData: []byte("key")}
	c.AuthInfos["other"] = &clientcmdapi.AuthInfo{Token: "of another"}
	file := filepath.Join(folder, "config")
	require.NoError(t, clientcmd.WriteToFile(*c, file))
	return file
}

func TestTheCredentialsAreTakenOverAndTheServerIsTheProxy(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca")
	require.NoError(t, os.WriteFile(ca, []byte("authority"), 0o600))
	from := theirs(t)
	status, stdout, stderr := run(t, "--kubeconfig="+from, "--proxy=https://api.hospital.example", "--certificate-authority="+ca)
	require.Zero(t, status, stderr)
	require.NotContains(t, stdout, "of another", "one user's credentials, no other's")
	got, err := clientcmd.Load([]byte(stdout))
	require.NoError(t, err)
	context := got.Contexts[got.CurrentContext]
	require.Equal(t, "pharma-study", context.Namespace)
	cluster, user := got.Clusters[context.Cluster], got.AuthInfos[context.AuthInfo]
	require.Equal(t, "https://api.hospital.example", cluster.Server)
	require.Equal(t, "authority", string(cluster.CertificateAuthorityData))
	require.False(t, cluster.InsecureSkipTLSVerify)
	require.Equal(t, "certificate", string(user.ClientCertificateData), "the file's contents: the kubeconfig works elsewhere")
	require.Equal(t, "key", string(user.ClientKeyData))

	to := filepath.Join(t.TempDir(), "made")
	status, stdout, stderr = run(t, "--kubeconfig="+from, "--context=other", "--proxy=https://api.hospital.example", "--to="+to)
	require.Zero(t, status, stderr)
	require.Empty(t, stdout)
	info, err := os.Stat(to)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	made, err := clientcmd.LoadFromFile(to)
	require.NoError(t, err)
	require.Equal(t, "of another", made.AuthInfos["data-space-proxy"].Token)
	status, _, stderr = run(t, "--kubeconfig="+from, "--proxy=https://api.hospital.example", "--to="+to)
	require.Equal(t, 2, status)
	require.Contains(t, stderr, "name a file that is not there yet")
}

func TestNoCertificateIsRequestedThatCouldNotBeWritten(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	folder := t.TempDir()
	from := filepath.Join(folder, "from")
	c := clientcmdapi.NewConfig()
	c.CurrentContext = "a"
	c.Clusters["a"], c.AuthInfos["a"], c.Contexts["a"] = &clientcmdapi.Cluster{Server: server.URL}, &clientcmdapi.AuthInfo{}, &clientcmdapi.Context{Cluster: "a", AuthInfo: "a"}
	require.NoError(t, clientcmd.WriteToFile(*c, from))
	args := []string{"--kubeconfig=" + from, "--proxy=https://a", "--guest=pharma"}
	for _, to := range []string{from, filepath.Join(folder, "absent", "made")} {
		status, _, stderr := run(t, append(args, "--to="+to)...)
		require.Equal(t, 2, status, stderr)
		require.Contains(t, stderr, "--to="+to)
	}
	require.Zero(t, requests)
	to := filepath.Join(folder, "made")
	status, _, stderr := run(t, append(args, "--to="+to)...)
	require.Equal(t, 1, status, stderr)
	require.Positive(t, requests)
	require.NoFileExists(t, to, "a refused request leaves no file")
}

func TestAWrongCallNamesTheFlag(t *testing.T) {
	from := "--kubeconfig=" + theirs(t)
	for message, args := range map[string][]string{
		"--proxy is missing":                        {from},
		"--group is given without --user":           {from, "--proxy=https://a", "--group=b"},
		"--duration=5m0s":                           {from, "--proxy=https://a", "--duration=5m"},
		"--context":                                 {from, "--proxy=https://a", "--context=absent"},
		"--certificate-authority=/absent":           {from, "--proxy=https://a", "--certificate-authority=/absent"},
		`--proxy="http://a": not an https URL`:      {from, "--proxy=http://a"},
		`--proxy="https://u:p@a": not an https URL`: {from, "--proxy=https://u:p@a"},
		"no credentials":                            {"--kubeconfig=/absent", "--proxy=https://a"},
	} {
		status, stdout, stderr := run(t, args...)
		require.Equal(t, 2, status, "%s: %s", args, stderr)
		require.Empty(t, stdout)
		require.Contains(t, stderr, message)
	}
}
