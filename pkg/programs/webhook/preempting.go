package webhook

import (
	"context"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// warnOfPreempting logs which of the granted PriorityClasses let guests' pods drive out the Hospital's. A grant is the Hospital's to
// give: the program serves all the same, and warns the author of each such pod.
func warnOfPreempting(ctx context.Context, clients kubernetes.Interface, granted []string, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for _, name := range granted {
		class, err := clients.SchedulingV1().PriorityClasses().Get(ctx, name, metav1.GetOptions{})
		switch {
		case err != nil:
			logger.Warn("cannot read a granted PriorityClass, whose pods may preempt others; check --priority-classes", "class", name, "error", err)
		case class.PreemptionPolicy == nil || *class.PreemptionPolicy != corev1.PreemptNever:
			logger.Warn("pods of a granted PriorityClass preempt pods of lower priority, the Hospital's included; delete the class and create it with "+
				"preemptionPolicy: Never, or take it out of --priority-classes", "class", name, "value", class.Value)
		}
	}
}
