package netpolicy

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// every is the selector in words that selects everything. The label of that name is written with a plus sign.
const every = "all"

// Selector chooses objects by their labels. Selectors that mean the same in other words have the same String.
type Selector struct {
	text     string
	selector labels.Selector
	exact    string // a "key=value" label that every selected object has; "" if there is none
}

// Everything selects everything.
func Everything() Selector { return Selector{selector: labels.Everything()} }

// selectorOf reads the API's selector; nil selects nothing and must be treated by the caller.
func selectorOf(s *metav1.LabelSelector) (Selector, error) {
	parsed, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return Selector{}, err
	}
	return selectorFrom(parsed)
}

// selectorFrom prepares a selector. Of its requirements one that asks for an exact value, if there is one, becomes the key by which an index
// finds the selector. The text is the same for requirements in any order.
func selectorFrom(parsed labels.Selector) (Selector, error) {
	requirements, selectable := parsed.Requirements()
	if !selectable {
		return Selector{}, fmt.Errorf("it selects nothing")
	}
	out := Selector{selector: parsed}
	texts := make([]string, 0, len(requirements))
	for _, r := range requirements {
		text, exact := describe(r)
		if exact && out.exact == "" {
			out.exact = text
		}
		texts = append(texts, text)
	}
	slices.Sort(texts)
	out.text = strings.Join(slices.Compact(texts), ",")
	return out, nil
}

// describe is the requirement in one way of writing; exact if it asks for one value of its key.
func describe(r labels.Requirement) (text string, exact bool) {
	values := r.ValuesUnsorted()
	slices.Sort(values)
	values = slices.Compact(values)
	switch r.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		if len(values) == 1 {
			return r.Key() + "=" + values[0], true
		}
		return r.Key() + " in (" + strings.Join(values, "|") + ")", false
	case selection.NotIn, selection.NotEquals:
		return r.Key() + " notin (" + strings.Join(values, "|") + ")", false
	case selection.DoesNotExist:
		return "!" + r.Key(), false
	case selection.Exists:
		if r.Key() == every {
			return "+" + every, false
		}
		return r.Key(), false
	default:
		return r.String(), false
	}
}

// Matches reports whether an object with these labels is selected. The zero Selector selects nothing.
func (s Selector) Matches(set map[string]string) bool {
	return s.selector != nil && s.selector.Matches(labels.Set(set))
}

// Exact returns a "key=value" label that every selected object has, as an index key; "" if there is none.
func (s Selector) Exact() string { return s.exact }

// All reports whether it selects everything.
func (s Selector) All() bool { return s.selector != nil && s.text == "" }

// String is the selector in words; "" selects everything.
func (s Selector) String() string { return s.text }
