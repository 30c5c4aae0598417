package claims

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// shapes looks at every pod of the guest.
func (w *World) shapes(ctx context.Context) (string, error) {
	guests, err := w.guests(ctx)
	if err != nil {
		return "", err
	}
	observed := ""
	for _, pod := range guests {
		if observed, err = shape(pod.Spec); err != nil {
			return "", fmt.Errorf("%s: %w", pod.Name, err)
		}
	}
	return fmt.Sprintf("%d pods: %s", len(guests), observed), nil
}

// shape says what the pod's containers may do, and complains if it is more than a guest's containers should.
func shape(spec corev1.PodSpec) (string, error) {
	problems, dropped := []error{}, []string{}
	names := []string{}
	for _, container := range spec.InitContainers {
		names = append(names, container.Name)
	}
	if !slices.Equal(names, []string{apis.ProxyContainerName}) {
		problems = append(problems, fmt.Errorf("init containers are %v", names))
	} else if policy := spec.InitContainers[0].RestartPolicy; policy == nil || *policy != corev1.ContainerRestartPolicyAlways {
		problems = append(problems, errors.New("the proxy is no native sidecar"))
	}
	for _, container := range slices.Concat(spec.InitContainers, spec.Containers) {
		context := container.SecurityContext
		if context == nil {
			problems = append(problems, fmt.Errorf("%s drops no capability", container.Name))
			continue
		}
		if context.Privileged != nil && *context.Privileged {
			problems = append(problems, fmt.Errorf("%s is privileged", container.Name))
		}
		if context.Capabilities == nil || len(context.Capabilities.Drop) == 0 {
			problems = append(problems, fmt.Errorf("%s drops no capability", container.Name))
			continue
		}
		if len(context.Capabilities.Add) > 0 {
			problems = append(problems, fmt.Errorf("%s adds %v", container.Name, context.Capabilities.Add))
		}
		dropped = append(dropped, fmt.Sprintf("%s drops %s", container.Name, join(context.Capabilities.Drop)))
	}
	if len(problems) > 0 {
		return "", errors.Join(problems...)
	}
	return fmt.Sprintf("one init container (%s), none added; %s", names[0], strings.Join(dropped, ", ")), nil
}

func join(capabilities []corev1.Capability) string {
	words := make([]string, len(capabilities))
	for i, capability := range capabilities {
		words[i] = string(capability)
	}
	return strings.Join(words, "+")
}
