package webhook

import (
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// decode reads an object as the API server and the kubelet do: a field's name counts in its exact spelling only.
func decode[T any](raw runtime.RawExtension) (*T, error) {
	object := new(T)
	if err := json.Unmarshal(raw.Raw, object); err != nil {
		return nil, fmt.Errorf("reading the object: %w", err)
	}
	return object, nil
}

// rule judges a request; an error says that it cannot.
type rule func(admission.Request) (field.ErrorList, error)

// on asks a rule about requests with this operation, and lets all others pass.
func on[T any](operation admissionv1.Operation, judge func(*T) field.ErrorList) rule {
	return func(req admission.Request) (field.ErrorList, error) {
		if req.Operation != operation {
			return nil, nil
		}
		object, err := decode[T](req.Object)
		if err != nil {
			return nil, err
		}
		return judge(object), nil
	}
}

// changed makes a rule of what judges an object. An update that leaves alone what is judged is not judged again: what was
// let in can be labelled, applied again and released from its finalizers, whatever the rules are by now.
func changed[T any](judged func(*T) any, judge func(*T) field.ErrorList) rule {
	return against(judged, func(now, _ *T) field.ErrorList { return judge(now) })
}

// against is changed for a judgement that compares: before is nil for an object that is created.
func against[T any](judged func(*T) any, judge func(now, before *T) field.ErrorList) rule {
	return func(req admission.Request) (field.ErrorList, error) {
		if req.Operation != admissionv1.Update {
			return on(admissionv1.Create, func(o *T) field.ErrorList { return judge(o, nil) })(req)
		}
		now, err := decode[T](req.Object)
		if err != nil {
			return nil, err
		}
		before, err := decode[T](req.OldObject)
		if err != nil {
			return nil, err
		}
		if equality.Semantic.DeepEqual(judged(now), judged(before)) {
			return nil, nil
		}
		return judge(now, before), nil
	}
}

// unless exempts users, by their names, from a rule.
func unless(users []string, r rule) rule {
	return func(req admission.Request) (field.ErrorList, error) {
		if slices.Contains(users, req.UserInfo.Username) {
			return nil, nil
		}
		return r(req)
	}
}
