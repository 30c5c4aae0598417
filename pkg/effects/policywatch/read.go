package policywatch

import (
	"encoding/json"
	"fmt"
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"data-space.liqo.io/pkg/decisions/netpol"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/apiwire"
	"data-space.liqo.io/pkg/values/netpolicy"
)

// kind is how objects of a kind are read.
type kind struct {
	resource string
	list     netpol.Kind
	of       apiwire.Type
	proto    func(message []byte) (reading, error)
	json     func(text []byte) (reading, error) // for API servers without protobuf
	gone     func(netpolicy.Key) netpol.Change
}

// reading is what is read of an object.
type reading struct {
	apiwire.Meta
	seen netpol.Change // nil: policies do not concern it
}

// pods returns how events about pods are read: from protobuf by a decoder that reads only the fields that NetworkPolicy needs, or from JSON. A
// pod that no policy can concern (Pod.Judged) keeps its place in the list and changes nothing.
func pods() kind {
	d := apiwire.NewDecoder()
	of := func(p netpolicy.Pod, m apiwire.Meta) reading {
		if !p.Judged() {
			return reading{Meta: m}
		}
		return reading{Meta: m, seen: netpol.PodSeen{Pod: p}}
	}
	return kind{
		resource: "pods", list: netpol.Pods, of: apiwire.Type{APIVersion: "v1", Kind: "Pod"},
		proto: func(message []byte) (reading, error) {
			p, m, err := d.Pod(message)
			return of(p, m), err
		},
		json: func(text []byte) (reading, error) {
			var p corev1.Pod
			err := json.Unmarshal(text, &p)
			return of(netpolicy.PodOf(&p), metaOf(p.ObjectMeta)), err
		},
		gone: func(k netpolicy.Key) netpol.Change { return netpol.PodGone{Key: k} },
	}
}

// namespaces are matched by their settled labels: a lost or changed label opens no policy to a guest's pods. Annotations are not decoded:
// the controller has marked independent of their labels.
func namespaces() kind {
	d := apiwire.NewDecoder()
	of := func(n netpolicy.Namespace, m apiwire.Meta) reading {
		n.Labels = apis.Settled(n.Labels, nil)
		return reading{Meta: m, seen: netpol.NamespaceSeen{Namespace: n}}
	}
	return kind{
		resource: "namespaces", list: netpol.Namespaces, of: apiwire.Type{APIVersion: "v1", Kind: "Namespace"},
		proto: func(message []byte) (reading, error) {
			n, m, err := d.Namespace(message)
			return of(n, m), err
		},
		json: func(text []byte) (reading, error) {
			var n corev1.Namespace
			err := json.Unmarshal(text, &n)
			return of(netpolicy.Namespace{Name: n.Name, Labels: n.Labels}, metaOf(n.ObjectMeta)), err
		},
		gone: func(k netpolicy.Key) netpol.Change { return netpol.NamespaceGone{Name: k.Name} },
	}
}

// policies are read in full: there are few of them. What is not understood of one is logged.
func policies(to *slog.Logger) kind {
	of := func(p *networkingv1.NetworkPolicy) reading {
		policy, problems := netpolicy.PolicyOf(p)
		if len(problems) > 0 {
			to.Warn("a NetworkPolicy is not understood in full; what is not understood allows nothing",
				"policy", policy.Key, "problems", problems.ToAggregate())
		}
		return reading{Meta: metaOf(p.ObjectMeta), seen: netpol.PolicySeen{Policy: policy}}
	}
	return kind{
		resource: "networkpolicies", list: netpol.Policies, of: apiwire.Type{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		proto: func(message []byte) (reading, error) {
			var p networkingv1.NetworkPolicy
			if err := p.Unmarshal(message); err != nil {
				return reading{}, fmt.Errorf("decode a NetworkPolicy: %w", err)
			}
			return of(&p), nil
		},
		json: func(text []byte) (reading, error) {
			var p networkingv1.NetworkPolicy
			if err := json.Unmarshal(text, &p); err != nil {
				return reading{}, fmt.Errorf("decode a NetworkPolicy: %w", err)
			}
			return of(&p), nil
		},
		gone: func(k netpolicy.Key) netpol.Change { return netpol.PolicyGone{Key: k} },
	}
}

func metaOf(m metav1.ObjectMeta) apiwire.Meta {
	return apiwire.Meta{Key: netpolicy.Key{Namespace: m.Namespace, Name: m.Name}, ResourceVersion: m.ResourceVersion,
		InitialEnd: m.Annotations[metav1.InitialEventsAnnotationKey] == "true"}
}
