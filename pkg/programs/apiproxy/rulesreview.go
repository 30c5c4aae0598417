package apiproxy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// asksRules reports whether a guest's caller asks for the list of what it may do.
func asksRules(planned *plan) bool {
	r := planned.request
	return r.Verb == "create" && r.Kind == (schema.GroupResource{Group: authorizationv1.GroupName, Resource: "selfsubjectrulesreviews"}) &&
		r.Version == "v1" && len(planned.ids) > 0
}

// addRules adds to the API server's list of rules what the proxy shows.
func (p *proxy) addRules(planned *plan, r *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxObject))
	if err != nil {
		return err
	}
	var review authorizationv1.SelfSubjectRulesReview
	if err := utiljson.Unmarshal(raw, &review); err != nil {
		return fmt.Errorf("the API server's answer: %w", err)
	}
	guests, _ := p.guests.Guests()
	for _, rule := range guests.Rules(planned.ids) {
		review.Status.ResourceRules = append(review.Status.ResourceRules, authorizationv1.ResourceRule{
			Verbs: rule.Verbs, APIGroups: []string{rule.Kind.Group}, Resources: []string{rule.Kind.Resource},
		})
	}
	text, err := json.Marshal(review)
	if err != nil {
		return err
	}
	r.Body = unread{bytes.NewReader(text), r.Body}
	r.ContentLength = int64(len(text))
	r.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return nil
}
