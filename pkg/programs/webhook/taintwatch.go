package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/tolerations"
	"data-space.liqo.io/pkg/values/v1alpha1"
)

// protectedTaints are the cluster's ProtectedTaints as they are now. It is safe for concurrent use.
type protectedTaints struct {
	policy atomic.Pointer[tolerations.Policy]
	synced atomic.Bool
}

// Policy returns what is protected; nil if nothing is.
func (p *protectedTaints) Policy() *tolerations.Policy { return p.policy.Load() }

// inFrontOf returns next, and no answer while the taints are not known: the API server then does what its configuration's failurePolicy names.
func (p *protectedTaints) inFrontOf(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.synced.Load() {
			http.Error(w, errUnknownTaints.Error(), http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

var errUnknownTaints = errors.New("the ProtectedTaints have not been read yet; see that their CustomResourceDefinition is there (deploy/crds)")

// decidedBy returns what asks next about pods. While the taints are not known, it allows the pods that no taint is about.
func (p *protectedTaints) decidedBy(next admission.Handler) admission.Handler {
	return admission.HandlerFunc(func(ctx context.Context, req admission.Request) admission.Response {
		if p.synced.Load() {
			return next.Handle(ctx, req)
		}
		if usualPod(req) {
			return admission.Allowed("")
		}
		return admission.Errored(http.StatusServiceUnavailable, errUnknownTaints)
	})
}

// usualPod reports whether a pod leaves its node to the scheduler, and has the tolerations only that the API server adds to every pod.
func usualPod(req admission.Request) bool {
	pod := placementOf(about(req), []string{"spec"}, req.Object.Raw)
	if textOf(pod.node) != "" {
		return false
	}
	var failed error
	for _, t := range decoded(pod.tolerations, &failed) {
		if t.Key != corev1.TaintNodeNotReady && t.Key != corev1.TaintNodeUnreachable || t.Operator != corev1.TolerationOpExists || t.Effect != corev1.TaintEffectNoExecute {
			return false
		}
	}
	return len(pod.tolerations) == 0 || failed == nil
}

// follow adds to mgr what watches the objects. It is no cache of mgr's: nothing waits for it, and it also begins if the kind is installed later.
func (p *protectedTaints) follow(mgr manager.Manager, config *rest.Config) error {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("registering %s: %w", v1alpha1.Group, err)
	}
	taints, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	var store cache.Store
	update := func() { p.set(store.List()) }
	store, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				list := &v1alpha1.ProtectedTaintList{}
				err := taints.List(ctx, list, &client.ListOptions{Raw: &o})
				return list, err
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				return taints.Watch(ctx, &v1alpha1.ProtectedTaintList{}, &client.ListOptions{Raw: &o})
			},
		},
		ObjectType: &v1alpha1.ProtectedTaint{},
		Transform:  cache.TransformFunc(withoutStatus),
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { update() },
			UpdateFunc: func(any, any) { update() },
			DeleteFunc: func(any) { update() },
		},
	})
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		go func() {
			p.synced.Store(cache.WaitForCacheSync(ctx.Done(), informer.HasSynced))
		}()
		informer.RunWithContext(ctx)
		return nil
	}))
}

// withoutStatus keeps what is decided by.
func withoutStatus(object any) (any, error) {
	if taint, is := object.(*v1alpha1.ProtectedTaint); is {
		taint.ManagedFields, taint.Status = nil, v1alpha1.ProtectedTaintStatus{}
	}
	return object, nil
}

func (p *protectedTaints) set(objects []any) {
	var taints []tolerations.Taint
	for _, object := range objects {
		if taint, is := object.(*v1alpha1.ProtectedTaint); is {
			taints = append(taints, tolerations.TaintOf(taint))
		}
	}
	slices.SortFunc(taints, func(a, b tolerations.Taint) int { return strings.Compare(a.Name, b.Name) })
	p.policy.Store(tolerations.New(taints))
}
