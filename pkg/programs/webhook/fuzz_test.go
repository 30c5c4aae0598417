package webhook

import (
	"maps"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"data-space.liqo.io/pkg/decisions/admit"
)

// maxObject is the size of the largest object that an API server takes.
const maxObject = 3 << 20

// FuzzObject has both handlers decide about any object of any kind, made of a text that stands any number of times in the middle.
// Whatever comes, the answer and the memory that it takes have a bound, and nothing panics.
func FuzzObject(f *testing.F) {
	things := slices.Sorted(maps.Keys(rulesOfTests()))
	things = append(things, "/pods/ephemeralcontainers", "/events", "/secrets", "/namespaces")
	for kind, thing := range things {
		for _, object := range giants(60)[thing] {
			f.Add(uint8(kind), uint8(0), object, "", "", uint16(0))
		}
		f.Add(uint8(kind), uint8(1), `{"metadata":{"name":"a","labels":{`, `"data-space/x":"y",`, `"a":"b"}},"spec":{}}`, uint16(300))
	}
	f.Add(uint8(slices.Index(things, liqoGroup+"/shadowpods")), uint8(0), `{"spec":{"pod":{"tolerations":[`, `{},`, `{}]}}}`, uint16(20000))
	f.Add(uint8(slices.Index(things, "/pods")), uint8(0), `{"spec":{"containers":[`, `{"ports":[{"hostPort":1}]},`, `{}]}}`, uint16(99))
	f.Add(uint8(slices.Index(things, "/pods")), uint8(0), ``, `{"spec":`, ``, uint16(9999))
	f.Fuzz(func(t *testing.T, kind, operation uint8, begin, middle, end string, count uint16) {
		if len(middle) > 0 {
			count = uint16(min(int(count), maxObject/len(middle)))
		}
		object := begin + strings.Repeat(middle, int(count)) + end
		if len(object) > maxObject {
			return
		}
		operations := []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete, admissionv1.Connect}
		before := begin + end
		requireBounded(t, asked(operations[int(operation)%len(operations)], things[int(kind)%len(things)], object, before))
	})
}

func rulesOfTests() map[string]func(admit.Settings) rule { return judging().rules }
