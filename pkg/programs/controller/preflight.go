package controller

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"data-space.liqo.io/pkg/values/apis"
)

const preflightLimit = 15 * time.Second

// preflight asks for one namespace, which is the least that the controller needs. The error says what was refused.
func preflight(ctx context.Context, cluster *rest.Config) error {
	ctx, cancel := context.WithTimeout(ctx, preflightLimit)
	defer cancel()
	clients, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		return fmt.Errorf("use the cluster's address and credentials: %w", err)
	}
	_, err = clients.CoreV1().Namespaces().List(ctx, metav1.ListOptions{Limit: 1, LabelSelector: apis.LabelRemoteCluster})
	switch {
	case err == nil:
		return nil
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%s does not accept the credentials: %w", cluster.Host, err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%s knows the credentials but they lack rights; apply deploy/controller.yaml: %w", cluster.Host, err)
	default:
		return fmt.Errorf("ask %s for namespaces: %w", cluster.Host, err)
	}
}
