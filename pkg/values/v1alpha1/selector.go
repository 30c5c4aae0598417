package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Selector selects objects by their labels. It is a label selector of Kubernetes, of bounded size, and valid whenever it is stored. An
// object must meet all that is in it; the empty selector {} selects every object.
type Selector struct {
	// matchLabels are labels that an object must have.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 316 && !format.qualifiedName().validate(k).hasValue())",message="not the key of a label; use a name of at most 63 letters, digits, dashes, dots and underscores, with a domain and a slash before it or without"
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`
	// matchExpressions are requirements that an object must meet.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []Requirement `json:"matchExpressions,omitempty"`
}

// Requirement is a requirement on one label.
// +kubebuilder:validation:XValidation:rule="(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",message="values: In and NotIn have at least one, Exists and DoesNotExist have none; add or remove them"
type Requirement struct {
	// key is the label's key.
	// +required
	Key LabelKey `json:"key"`
	// operator is In, NotIn, Exists or DoesNotExist.
	// +required
	// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
	Operator metav1.LabelSelectorOperator `json:"operator"`
	// values are the label's values that In allows and NotIn excludes.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	Values []LabelValue `json:"values,omitempty"`
}

// LabelValue is the value of a label.
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`
type LabelValue string

// LabelSelector returns the selector in Kubernetes' own form. Of nil it returns nil, which selects nothing.
func (s *Selector) LabelSelector() *metav1.LabelSelector {
	if s == nil {
		return nil
	}
	selector := &metav1.LabelSelector{}
	for key, value := range s.MatchLabels {
		metav1.AddLabelToSelector(selector, key, string(value))
	}
	for _, r := range s.MatchExpressions {
		var values []string
		for _, value := range r.Values {
			values = append(values, string(value))
		}
		selector.MatchExpressions = append(selector.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: string(r.Key), Operator: r.Operator, Values: values,
		})
	}
	return selector
}
