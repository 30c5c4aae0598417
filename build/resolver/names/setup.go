package names

import (
	"fmt"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	clog "github.com/coredns/coredns/plugin/pkg/log"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// key is the key of the answers in the ConfigMap.
const key = "answers"

// Register makes the plugin known to CoreDNS.
func Register() { plugin.Register(name, setup) }

// config is `names NAMESPACE/CONFIGMAP [KUBECONFIG]`.
type config struct{ namespace, configMap, kubeconfig string }

func setup(c *caddy.Controller) error {
	conf, err := parse(c)
	if err != nil {
		return plugin.Error(name, err)
	}
	h := &handler{}
	done := make(chan struct{})
	c.OnStartup(func() error {
		informer, err := watch(conf, h)
		if err != nil {
			return plugin.Error(name, err)
		}
		go informer.Run(done)
		go func() {
			if cache.WaitForCacheSync(done, informer.HasSynced) {
				h.answers.CompareAndSwap(nil, &Answers{}) // the ConfigMap does not exist
			}
		}()
		return nil
	})
	c.OnShutdown(func() error {
		close(done)
		return nil
	})
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		h.next = next
		return h
	})
	return nil
}

func parse(c *caddy.Controller) (config, error) {
	found := config{}
	for c.Next() {
		args := c.RemainingArgs()
		if len(args) < 1 || len(args) > 2 || c.NextBlock() {
			return found, c.ArgErr()
		}
		namespace, configMap, ok := strings.Cut(args[0], "/")
		if !ok || namespace == "" || configMap == "" {
			return found, fmt.Errorf("%q is not NAMESPACE/CONFIGMAP", args[0])
		}
		found.namespace, found.configMap = namespace, configMap
		if len(args) == 2 {
			found.kubeconfig = args[1]
		}
	}
	return found, nil
}

// watch follows the one ConfigMap.
func watch(conf config, h *handler) (cache.Controller, error) {
	cluster, err := clientcmd.BuildConfigFromFlags("", conf.kubeconfig) // without a file: that of the pod
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w", err)
	}
	clients, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		return nil, fmt.Errorf("prepare the client: %w", err)
	}
	source := cache.NewListWatchFromClient(clients.CoreV1().RESTClient(), "configmaps", conf.namespace,
		fields.OneTermEqualSelector(metav1.ObjectNameField, conf.configMap))
	take := func(o any) {
		m, ok := o.(*corev1.ConfigMap)
		if !ok {
			return
		}
		if err := h.take(m.Data[key]); err != nil {
			clog.Errorf("ConfigMap %s/%s cannot be read, no name in it is answered: %v", conf.namespace, conf.configMap, err)
		}
	}
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: source, ObjectType: &corev1.ConfigMap{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc: take, UpdateFunc: func(_, now any) { take(now) }, DeleteFunc: func(any) { _ = h.take("") },
		},
	})
	return informer, nil
}
