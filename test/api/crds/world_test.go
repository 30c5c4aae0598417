//go:build api

package crds

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/values/v1alpha1"
	"data-space.liqo.io/test/apiserver"
)

// folder holds the CustomResourceDefinitions that are installed.
const folder = "../../../deploy/crds"

var shared = sync.OnceValues(start)

var stop func() error

func TestMain(m *testing.M) { apiserver.RunTests(m, &stop) }

// newServer returns an API server that serves the kinds.
func newServer(t *testing.T) *apiserver.Server {
	t.Helper()
	server, err := shared()
	require.NoError(t, err)
	return server
}

func start() (*apiserver.Server, error) {
	server, err := apiserver.Start()
	if err != nil {
		return nil, err
	}
	stop = server.Stop
	return server, server.InstallKinds(context.Background(), folder)
}

// create sends an object that is written as YAML, without storing it.
func create(t *testing.T, kind, text string) error {
	t.Helper()
	object := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal([]byte(text), &object.Object))
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: v1alpha1.Group, Version: v1alpha1.Version, Kind: kind})
	err := newServer(t).Client.Create(t.Context(), object, client.DryRunAll, client.FieldValidation("Strict"))
	if apierrors.IsNotFound(err) || apierrors.IsInternalError(err) {
		require.NoError(t, err)
	}
	return err
}
