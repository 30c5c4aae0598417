package apiaudit

import (
	"encoding/json"
	"fmt"
	"net/netip"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"data-space.liqo.io/pkg/values/v1alpha1"
)

// Annotations of an event.
const (
	annotationVerdict = v1alpha1.Group + "/verdict"
	annotationGuests  = v1alpha1.Group + "/guests"
)

// Event returns the request as one line of JSON: an Event of audit.k8s.io/v1, of level Metadata.
func (r Request) Event() ([]byte, error) {
	e := auditv1.Event{
		TypeMeta: metav1.TypeMeta{Kind: "Event", APIVersion: auditv1.SchemeGroupVersion.String()},
		Level:    auditv1.LevelMetadata, AuditID: types.UID(r.ID), Stage: auditv1.Stage(r.Stage), RequestURI: short(r.Path), Verb: short(r.Verb),
		User: userInfo(r.Sender), UserAgent: short(r.Program), RequestReceivedTimestamp: metav1.NewMicroTime(r.Began), StageTimestamp: metav1.NewMicroTime(r.Came),
		ResponseStatus: &metav1.Status{Code: int32(r.Code)}, //nolint:gosec // a code of HTTP has three digits
		Annotations:    map[string]string{annotationVerdict: r.Verdict},
	}
	if r.As != nil {
		as := userInfo(*r.As)
		e.ImpersonatedUser = &as
	}
	if from, err := netip.ParseAddrPort(r.Remote); err == nil {
		e.SourceIPs = []string{from.Addr().Unmap().String()}
	}
	if len(r.Guests) > 0 {
		e.Annotations[annotationGuests] = short(joined(r.Guests))
	}
	if r.Resource {
		e.ObjectRef = &auditv1.ObjectReference{
			Resource: short(r.Kind), Namespace: short(r.Namespace), Name: short(r.Name), APIGroup: short(r.Group), APIVersion: short(r.Version), Subresource: short(r.Subresource),
		}
	}
	line, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write the audit event of a request: %w", err)
	}
	return append(line, '\n'), nil
}

func userInfo(u User) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: short(u.Name)}
	for _, group := range u.Groups[:min(len(u.Groups), maxGroups)] {
		info.Groups = append(info.Groups, short(group))
	}
	return info
}
