package webhook

import (
	"context"
	"sync/atomic"

	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"data-space.liqo.io/pkg/values/apis"
)

// guestPriority is the value of the PriorityClass that foreign pods get, as it is in the cluster now. A pod that is given it gets
// nothing more from the API server, which then has no reason to call the webhook again. It is safe for concurrent use.
type guestPriority struct{ value atomic.Pointer[int32] }

// Value returns the class's value; nil while it is unknown: the API server then resolves the class itself.
func (g *guestPriority) Value() *int32 { return g.value.Load() }

// follow adds to mgr what watches the class. It is no cache of mgr's: nothing waits for it.
func (g *guestPriority) follow(mgr manager.Manager, config *rest.Config) error {
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	classes, only := clients.SchedulingV1().PriorityClasses(), fields.OneTermEqualSelector(metav1.ObjectNameField, apis.GuestPriorityClass).String()
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				o.FieldSelector = only
				return classes.List(ctx, o)
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				o.FieldSelector = only
				return classes.Watch(ctx, o)
			},
		},
		ObjectType: &schedulingv1.PriorityClass{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    g.set,
			UpdateFunc: func(_, now any) { g.set(now) },
			DeleteFunc: func(any) { g.value.Store(nil) },
		},
	})
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		informer.RunWithContext(ctx)
		return nil
	}))
}

func (g *guestPriority) set(object any) {
	if class, is := object.(*schedulingv1.PriorityClass); is {
		value := class.Value
		g.value.Store(&value)
	}
}
