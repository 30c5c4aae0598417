package webhook

import (
	"fmt"
	"log/slog"

	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"data-space.liqo.io/pkg/decisions/turns"
)

// TrustedControllers returns the identities of Kubernetes' own controllers and of its scheduler. What they make, they make of templates and of
// tolerations that were decided about when their authors wrote them.
func TrustedControllers() []string {
	const account = "system:serviceaccount:kube-system:"
	return []string{
		"system:kube-controller-manager", "system:kube-scheduler",
		account + "cronjob-controller", account + "daemon-set-controller", account + "deployment-controller", account + "job-controller",
		account + "replicaset-controller", account + "replication-controller", account + "statefulset-controller",
	}
}

// taintShares bounds what is worked on at a time about reserved nodes. The requests are of ordinary namespaces: they take no turn of guests' requests,
// and a large rollout of one namespace does not wait for itself.
func taintShares() turns.Limits {
	return turns.Limits{Running: 8, PerGuest: 6, Large: 1, LargePerGuest: 1, Waiting: 256, WaitingPerGuest: 128}
}

// taintSources are what a decision about reserved nodes is made of.
type taintSources struct {
	namespaces namespaceReader
	guests     guestPolicies
	audited    auditCounter
	clients    kubernetes.Interface
}

// newTaintJudge returns what decides about reserved nodes, and the ProtectedTaints by which it does, which mgr follows.
func newTaintJudge(mgr manager.Manager, o Options, from taintSources, logger *slog.Logger) (*taintJudge, *protectedTaints, error) {
	taints := &protectedTaints{}
	if err := taints.follow(mgr, mgr.GetConfig()); err != nil {
		return nil, nil, fmt.Errorf("watching ProtectedTaints: %w", err)
	}
	trusted := o.TrustedControllers
	if len(trusted) == 0 {
		trusted = TrustedControllers()
	}
	return &taintJudge{
		policy: taints.Policy, namespaces: from.namespaces, cluster: liveCluster{clients: from.clients}, granted: from.guests.Tolerations, audited: from.audited,
		trusted: trusted, exempt: o.ExemptNamespaces, places: placements(), log: logger,
	}, taints, nil
}
