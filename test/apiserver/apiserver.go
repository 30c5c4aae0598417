// Package apiserver gives tests a real kube-apiserver and etcd, without a kubelet or a controller.
package apiserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Server is a running API server. Its clients are an administrator's.
type Server struct {
	Config  *rest.Config
	Client  client.Client
	Clients *kubernetes.Clientset
	env     *envtest.Environment
}

// Start starts the programs in the directory that KUBEBUILDER_ASSETS names. Whoever starts a server stops it.
func Start(configure ...func(*envtest.ControlPlane)) (*Server, error) {
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	if assets == "" {
		return nil, errors.New("KUBEBUILDER_ASSETS is unset: name the directory that holds kube-apiserver, etcd and kubectl")
	}
	ctrllog.SetLogger(logr.Discard()) // it complains if nobody does
	s := &Server{env: &envtest.Environment{BinaryAssetsDirectory: assets, ControlPlaneStartTimeout: time.Minute}}
	// There may be no route here by which the API server could find an address of its own.
	s.env.ControlPlane.GetAPIServer().Configure().Set("advertise-address", "127.0.0.1")
	for _, f := range configure {
		f(&s.env.ControlPlane)
	}
	var err error
	if s.Config, err = s.env.Start(); err != nil {
		return nil, errors.Join(err, s.env.Stop())
	}
	s.Config.QPS, s.Config.Burst = 200, 400
	s.Client, err = client.New(s.Config, client.Options{})
	if err == nil {
		s.Clients, err = kubernetes.NewForConfig(s.Config)
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Stop ends both programs.
func (s *Server) Stop() error { return s.env.Stop() }

// Apply applies manifests as a user does.
func (s *Server) Apply(ctx context.Context, files ...string) error {
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		objects, err := Objects(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, object := range objects {
			apply := client.ApplyConfigurationFromUnstructured(object)
			if err := s.Client.Apply(ctx, apply, client.FieldOwner("user"), client.ForceOwnership); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return nil
}

// InstallKinds applies the CustomResourceDefinitions in a folder, and waits until the API server serves their kinds.
func (s *Server) InstallKinds(ctx context.Context, folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, fmt.Errorf("no CustomResourceDefinition in %s", folder))
	}
	if err := s.Apply(ctx, files...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, kind := range []string{"GuestPolicyList", "ProtectedTaintList"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: v1alpha1.Group, Version: v1alpha1.Version, Kind: kind})
		for err := s.Client.List(ctx, list); err != nil; err = s.Client.List(ctx, list) {
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s is not served: %w", kind, err)
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return v1alpha1.AddToScheme(s.Client.Scheme())
}

// Token is a credential of a ServiceAccount: who bears it has that account's rights and no other.
func (s *Server) Token(ctx context.Context, namespace, account string) (string, error) {
	token, err := s.Clients.CoreV1().ServiceAccounts(namespace).
		CreateToken(ctx, account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return token.Status.Token, nil
}

// Kubeconfig writes a file with a token, for the API server at that URL.
func (s *Server) Kubeconfig(file, url, token string) error {
	config := clientcmdapi.NewConfig()
	config.CurrentContext = "test"
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: url, CertificateAuthorityData: s.Config.CAData}
	config.AuthInfos["test"] = &clientcmdapi.AuthInfo{Token: token}
	return clientcmd.WriteToFile(*config, file)
}

// Objects are the documents of a manifest.
func Objects(manifest []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if object.Object != nil { // a comment alone between two separators
			objects = append(objects, object)
		}
	}
}

// Build compiles one of the project's programs.
func Build(ctx context.Context, program, file string) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", file, "data-space.liqo.io/cmd/"+program).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build %s: %w: %s", program, err, out)
	}
	return nil
}

// User returns the connection of a user with a client certificate of the API server's own CA.
func (s *Server) User(name string, groups ...string) (*rest.Config, error) {
	user, err := s.env.AddUser(envtest.User{Name: name, Groups: groups}, nil)
	if err != nil {
		return nil, err
	}
	config := user.Config()
	config.WarningHandlerWithContext = rest.NoWarnings{}
	return config, nil
}

// RunTests runs the tests of a package that share a server, then stop: what the first test that needs the server has set it to; nil if none did.
func RunTests(m *testing.M, stop *func() error) {
	m.Run() // the generated main exits with its result
	if *stop == nil {
		return
	}
	if err := (*stop)(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the API server:", err)
	}
}
