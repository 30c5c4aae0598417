package claims

import (
	"context"
	"errors"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	taintsPath    = "/apis/data-space.liqo.io/v1alpha1/protectedtaints"
	reservedTaint = "demo-reserved"
)

// reserved has the guest ask for nodes that the hospital has reserved: before, while and after a ProtectedTaint says so.
func (w *World) reserved(ctx context.Context) (string, error) {
	api := w.kube.Discovery().RESTClient()
	gone := func(ctx context.Context) error {
		err := api.Delete().AbsPath(taintsPath, reservedTaint).Do(ctx).Error()
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	if err := gone(ctx); err != nil {
		return "", err
	}
	if _, err := until(ctx, func(ctx context.Context) (any, error) { return nil, w.askForReserved(ctx) }); err != nil {
		return "", fmt.Errorf("it is refused although no ProtectedTaint is there: %w", err)
	}
	object := `{"apiVersion":"data-space.liqo.io/v1alpha1","kind":"ProtectedTaint","metadata":{"name":"` + reservedTaint + `"},"spec":{"taint":{"key":"hospital.example/reserved","value":"patients"}}}`
	if err := api.Post().AbsPath(taintsPath).Body([]byte(object)).Do(ctx).Error(); err != nil {
		return "", fmt.Errorf("create the ProtectedTaint: %w", err)
	}
	message, err := until(ctx, w.refusedReserved)
	return message, errors.Join(err, gone(context.WithoutCancel(ctx)))
}

// refusedReserved returns the refusal if it names the taint, the guest, the field and the way out.
func (w *World) refusedReserved(ctx context.Context) (string, error) {
	err := w.askForReserved(ctx)
	if err == nil {
		return "", errors.New("the Deployment is accepted")
	}
	for _, part := range []string{"hospital.example/reserved=patients", `guest "`, "spec.template.spec.tolerations[0]", "remove the toleration, or have the Hospital"} {
		if !strings.Contains(err.Error(), part) {
			return "", fmt.Errorf("the refusal does not name %q: %w", part, err)
		}
	}
	return err.Error(), nil
}

// askForReserved creates a Deployment that tolerates the taint, without storing it.
func (w *World) askForReserved(ctx context.Context) error {
	labels := map[string]string{"app": reservedTaint}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: reservedTaint},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				Tolerations: []corev1.Toleration{{Key: "hospital.example/reserved", Operator: corev1.TolerationOpEqual, Value: "patients"}},
				Containers:  []corev1.Container{{Name: "app", Image: "app:1"}},
			}},
		},
	}
	_, err := w.kube.AppsV1().Deployments(pharmaSpace).Create(ctx, deployment, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}
