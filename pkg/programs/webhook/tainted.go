package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"data-space.liqo.io/pkg/decisions/limits"
	"data-space.liqo.io/pkg/decisions/tolerations"
)

// cluster is what is read of the cluster for a decision about reserved nodes, and only if something in a request depends on it.
type cluster interface {
	// NodeTaints returns the taints of a node, or the API server's error NotFound if the node does not exist.
	NodeTaints(ctx context.Context, node string) ([]corev1.Taint, error)
	// ClassTolerations returns the tolerations that a RuntimeClass adds to pods; one that does not exist adds none.
	ClassTolerations(ctx context.Context, class string) ([]corev1.Toleration, error)
	// MayTolerate reports whether RBAC grants a user the verb tolerate on a ProtectedTaint by name.
	MayTolerate(ctx context.Context, user authenticationv1.UserInfo, taint string) (bool, error)
}

// taintJudge answers admission requests for whatever can bring a pod onto a reserved node, in all namespaces. It is safe for concurrent use.
//
//  1. If no taint is protected, it decodes nothing and allows everything.
//  2. An object that adds no toleration of a protected taint is allowed, whatever else it holds and however large it is.
type taintJudge struct {
	policy     func() *tolerations.Policy
	namespaces namespaceLabels
	cluster    cluster
	// granted returns a guest with what it may tolerate, and whether other tolerations are reported only.
	granted func(ctx context.Context, guest string) (who tolerations.Subject, audited bool, err error)
	audited auditCounter
	// trusted are the users that make objects of others' templates; exempt are namespaces.
	trusted, exempt []string
	places          map[string][]string
	log             *slog.Logger
}

// Handle implements admission.Handler.
func (j *taintJudge) Handle(ctx context.Context, req admission.Request) admission.Response {
	policy := j.policy()
	at, known := j.places[about(req)]
	if policy.Empty() || !known || req.Operation != admissionv1.Create && req.Operation != admissionv1.Update || j.exempted(req) {
		return admission.Allowed("")
	}
	problems, who, err := j.judge(ctx, policy, req, at)
	if err != nil {
		j.log.ErrorContext(ctx, "tolerations cannot be decided: refused", "namespace", req.Namespace, "resource", about(req), "error", err)
		return undecided(err)
	}
	if len(problems) == 0 {
		return admission.Allowed("")
	}
	report := limits.Report(problems)
	if who.audited {
		j.audited.count(who.Guest, req, sectionScheduling)
		response := admission.Allowed("")
		response.Warnings = auditWarnings(sectionScheduling, report)
		return response
	}
	j.log.WarnContext(ctx, "toleration refused", "namespace", req.Namespace, "resource", about(req), "name", shownName(req), "operation", req.Operation,
		"user", req.UserInfo.Username, "problems", report.ToAggregate().Error())
	return refuse(req, report)
}

// exempted reports whether a request is not decided about: the namespaces that run the cluster, and what a kubelet reports of its static pods.
func (j *taintJudge) exempted(req admission.Request) bool {
	if tolerations.ExemptNamespace(req.Namespace, j.exempt) {
		return true
	}
	if about(req) != "/pods" || !slices.Contains(req.UserInfo.Groups, "system:nodes") {
		return false
	}
	var mirror string
	return json.Unmarshal(limits.Find(req.Object.Raw, "metadata", "annotations", corev1.MirrorPodAnnotationKey), &mirror) == nil && mirror != ""
}

func (j *taintJudge) judge(ctx context.Context, policy *tolerations.Policy, req admission.Request, at []string) (problems field.ErrorList, who asking, err error) {
	now, before := placementOf(about(req), at, req.Object.Raw), placementOf(about(req), at, req.OldObject.Raw)
	asked, err := newQuestion(ctx, policy, now, before, j.cluster)
	if err != nil {
		return nil, who, err
	}
	// A subject without any right shows whether the right matters: for most objects the namespace need not be read.
	found, err := asked.findings(tolerations.Subject{})
	if err != nil || len(found) == 0 {
		return nil, who, err
	}
	if who, err = j.subject(ctx, req); err != nil {
		return nil, who, err
	}
	if who.exempt {
		if who.maker {
			problems, err = asked.byTemplate()
		}
		return problems, who, err
	}
	if found, err = asked.findings(who.Subject); err != nil || len(found) == 0 {
		return nil, who, err
	}
	if who.Guest == "" {
		problems, err = j.withoutGranted(ctx, req.UserInfo, found)
		return problems, who, err
	}
	return errorsOf(found), who, nil
}

// asking is the subject of a request, and what holds for it beside its rights.
type asking struct {
	tolerations.Subject
	exempt, audited bool
	// maker says that the subject is exempt since it makes pods of templates.
	maker bool
}

// subject returns whose right decides: the guest's in its namespaces, else the user's. Who makes pods of templates, or binds what may be bound,
// is exempt elsewhere; the templates were decided about when they were written. Not decided then was about a node that was reserved later.
func (j *taintJudge) subject(ctx context.Context, req admission.Request) (asking, error) {
	trusted := slices.Contains(j.trusted, req.UserInfo.Username)
	if binds := about(req) == "/pods/binding" || about(req) == "/bindings"; binds && trusted {
		return asking{exempt: true}, nil
	}
	user := asking{Subject: tolerations.Subject{User: req.UserInfo.Username, Groups: req.UserInfo.Groups}, exempt: trusted, maker: trusted && about(req) == "/pods"}
	if req.Namespace == "" {
		return user, nil
	}
	labels, err := j.namespaces.Labels(ctx, req.Namespace)
	if err != nil {
		return asking{}, unreadable(req.Namespace, err)
	}
	side, guest := tolerations.SideOf(labels)
	switch side {
	case tolerations.Guests:
		who, audited, err := j.granted(ctx, guest)
		return asking{Subject: who.In(req.Namespace, guest), audited: audited}, err
	case tolerations.Exempt:
		return asking{exempt: true}, nil
	case tolerations.Authors:
	}
	return user, nil
}

// maxAsked is for how many protected taints the API server is asked about one request.
const maxAsked = 8

// withoutGranted returns the findings that no right by RBAC removes.
func (j *taintJudge) withoutGranted(ctx context.Context, user authenticationv1.UserInfo, found []tolerations.Finding) (field.ErrorList, error) {
	may := map[string]bool{}
	var left field.ErrorList
	for _, finding := range found {
		right, asked := may[finding.Taint]
		if finding.Grantable && !asked && len(may) < maxAsked {
			var err error
			if right, err = j.cluster.MayTolerate(ctx, user, finding.Taint); err != nil {
				return nil, fmt.Errorf("cannot tell whether RBAC grants user %s the ProtectedTaint %s: %w; try again", user.Username, finding.Taint, err)
			}
			may[finding.Taint] = right
		}
		if !finding.Grantable || !right {
			left = append(left, finding.Error)
		}
	}
	return left, nil
}

func errorsOf(found []tolerations.Finding) field.ErrorList {
	var all field.ErrorList
	for _, finding := range found {
		all = append(all, finding.Error)
	}
	return all
}
