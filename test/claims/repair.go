package claims

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"data-space.liqo.io/pkg/values/apis"
)

// configReturns deletes the guest's proxy configuration.
func (w *World) configReturns(ctx context.Context) (string, error) {
	configs := w.kube.CoreV1().ConfigMaps(pharmaSpace)
	before, err := configs.Get(ctx, apis.EnvoyConfigMapName, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("the ConfigMap before: %w", err)
	}
	if err := configs.Delete(ctx, apis.EnvoyConfigMapName, metav1.DeleteOptions{}); err != nil {
		return "", fmt.Errorf("delete the ConfigMap: %w", err)
	}
	start := time.Now()
	return until(ctx, func(ctx context.Context) (string, error) {
		after, err := configs.Get(ctx, apis.EnvoyConfigMapName, metav1.GetOptions{})
		if err != nil {
			return "", fmt.Errorf("it is not back: %w", err)
		}
		if after.UID == before.UID || !maps.Equal(after.Data, before.Data) {
			return "", errors.New("it is back with other content")
		}
		return "back after " + since(start) + ", byte for byte", nil
	})
}

// policyReturns deletes the guest's NetworkPolicy, and when it is back, opens it by an edit.
func (w *World) policyReturns(ctx context.Context) (string, error) {
	policies := w.kube.NetworkingV1().NetworkPolicies(pharmaSpace)
	before, err := policies.Get(ctx, apis.NetworkPolicyName, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("the NetworkPolicy before: %w", err)
	}
	if err := policies.Delete(ctx, apis.NetworkPolicyName, metav1.DeleteOptions{}); err != nil {
		return "", fmt.Errorf("delete the NetworkPolicy: %w", err)
	}
	deleted, err := w.policyIs(ctx, before.Spec, before.UID)
	if err != nil {
		return "", fmt.Errorf("after its deletion: %w", err)
	}
	patch := []byte(`{"spec":{"egress":[{}],"policyTypes":["Egress"]}}`)
	if _, err := policies.Patch(ctx, apis.NetworkPolicyName, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return "", fmt.Errorf("edit the NetworkPolicy: %w", err)
	}
	edited, err := w.policyIs(ctx, before.Spec, before.UID)
	if err != nil {
		return "", fmt.Errorf("after an edit: %w", err)
	}
	return fmt.Sprintf("deleted: back after %s; edited: as before after %s", deleted, edited), nil
}

// policyIs waits until the policy has this spec again, in another object than the one that had this uid.
func (w *World) policyIs(ctx context.Context, spec networkingv1.NetworkPolicySpec, not types.UID) (string, error) {
	start := time.Now()
	return until(ctx, func(ctx context.Context) (string, error) {
		now, err := w.kube.NetworkingV1().NetworkPolicies(pharmaSpace).Get(ctx, apis.NetworkPolicyName, metav1.GetOptions{})
		if err != nil {
			return "", fmt.Errorf("it is not back: %w", err)
		}
		if now.UID == not || !equality.Semantic.DeepEqual(now.Spec, spec) {
			return "", errors.New("it still has other content")
		}
		return since(start), nil
	})
}

func since(start time.Time) string { return time.Since(start).Round(10 * time.Millisecond).String() }
