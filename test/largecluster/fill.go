package largecluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
)

// batch is how many objects a transaction writes.
const batch = 100

// fill writes the namespaces and pods as the API server stores them, into its etcd: it would take many minutes to create them.
func fill(ctx context.Context, etcd string, pods int) error {
	var keys []string
	objects := map[string]func() runtime.Object{}
	for i := range (pods + PerNamespace - 1) / PerNamespace {
		key := "/registry/namespaces/" + Namespace(i).Name
		keys, objects[key] = append(keys, key), func() runtime.Object { return stored(Namespace(i)) }
	}
	for i := range pods {
		p := Pod(i)
		key := "/registry/pods/" + p.Namespace + "/" + p.Name
		keys, objects[key] = append(keys, key), func() runtime.Object { return storedPod(i) }
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for ; len(keys) > 0; keys = keys[min(batch, len(keys)):] {
		some := keys[:min(batch, len(keys))]
		group.Go(func() error { return put(ctx, etcd, some, objects) })
	}
	return group.Wait()
}

// stored is a namespace with what the API server adds.
func stored(n *corev1.Namespace) *corev1.Namespace {
	n.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}
	n.ResourceVersion, n.ManagedFields = "", nil
	n.UID, n.CreationTimestamp = "0b2f4e0c-0000-4000-8000-000000000000", metav1.Unix(1700000000, 0)
	n.Status.Phase = corev1.NamespaceActive
	return n
}

// storedPod is pod i with what the API server adds. Its bulk is an annotation.
func storedPod(i int) *corev1.Pod {
	p := Pod(i)
	p.ResourceVersion, p.ManagedFields = "", nil
	p.UID, p.CreationTimestamp = "0b2f4e0c-0000-4000-8000-000000000001", metav1.Unix(1700000000, 0)
	p.Annotations = map[string]string{"example/configuration": strings.Repeat("x", 2500)}
	p.Spec.RestartPolicy, p.Spec.DNSPolicy = corev1.RestartPolicyAlways, corev1.DNSClusterFirst
	c := &p.Spec.Containers[0]
	c.ImagePullPolicy, c.TerminationMessagePath, c.TerminationMessagePolicy = corev1.PullIfNotPresent, "/dev/termination-log", corev1.TerminationMessageReadFile
	c.Ports[0].Protocol = corev1.ProtocolTCP
	p.Status.PodIP = p.Status.PodIPs[0].IP
	return p
}

// put writes objects in one transaction, by etcd's JSON gateway.
func put(ctx context.Context, etcd string, keys []string, objects map[string]func() runtime.Object) error {
	type putRequest struct {
		Key   []byte `json:"key"`
		Value []byte `json:"value"`
	}
	type operation struct {
		Put putRequest `json:"requestPut"`
	}
	var all []operation
	for _, key := range keys {
		value, err := runtime.Encode(protobuf.NewSerializer(scheme.Scheme, scheme.Scheme), objects[key]())
		if err != nil {
			return err
		}
		all = append(all, operation{putRequest{[]byte(key), value}})
	}
	body, err := json.Marshal(map[string]any{"success": all})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, etcd+"/v3/kv/txn", bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("etcd: %s: %.300s", answer.Status, text)
	}
	return err
}
