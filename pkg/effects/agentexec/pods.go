package agentexec

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"

	"data-space.liqo.io/pkg/values/apis"
)

// page is how many objects one answer of the API server has.
const page = 500

// ForeignPods calls each with every pod of the cluster's foreign namespaces and its namespace's settled labels.
func (c *Cluster) ForeignPods(ctx context.Context, each func(pod *corev1.Pod, namespace map[string]string)) error {
	namespaces, err := c.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the namespaces: %w", err)
	}
	for i := range namespaces.Items {
		ns := &namespaces.Items[i]
		labels := apis.Settled(ns.Labels, ns.Annotations)
		if !apis.IsForeign(labels) {
			continue
		}
		list := pager.New(func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return c.client.CoreV1().Pods(ns.Name).List(ctx, o)
		})
		list.PageSize = page
		err := list.EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
			if pod, is := o.(*corev1.Pod); is {
				each(pod, labels)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("list the pods of namespace %s: %w", ns.Name, err)
		}
	}
	return nil
}

// Pod returns a pod.
func (c *Cluster) Pod(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	pod, err := c.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get pod %s/%s: %w", namespace, name, err)
	}
	return pod, nil
}
