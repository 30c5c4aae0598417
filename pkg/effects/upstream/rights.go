package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// ReportRights logs by which right the program acts as its callers: by constrained impersonation, which Kubernetes 1.36 has by default,
// or by the older right, which holds for everything that the impersonated user may do.
func ReportRights(ctx context.Context, clients kubernetes.Interface, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	allowed := func(group, verb string) (bool, error) {
		review, err := clients.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: group, Resource: "users"},
			},
		}, metav1.CreateOptions{})
		return err == nil && review.Status.Allowed, err
	}
	constrained, err := allowed(authenticationv1.GroupName, "impersonate:user-info")
	legacy, legacyErr := allowed("", "impersonate")
	if err := errors.Join(err, legacyErr); err != nil {
		return fmt.Errorf("asking the API server for the program's own rights: %w; check --kubeconfig", err)
	}
	switch {
	case legacy:
		logger.Warn("rights: the program may impersonate every user for every request; Kubernetes 1.36 and newer need deploy/proxy only," +
			" without the component deploy/proxy/legacy")
	case constrained:
		logger.Info("rights: the program impersonates users for the requests only that its roles name; Kubernetes before 1.36 needs the" +
			" component deploy/proxy/legacy")
	default:
		return errors.New("the program may impersonate no user; apply deploy/proxy")
	}
	return nil
}
