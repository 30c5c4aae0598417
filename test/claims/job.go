package claims

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const jobName = "pharma-job"

// jobCompletes runs the guest's Job from the start.
func (w *World) jobCompletes(ctx context.Context) (string, error) {
	if _, err := w.run(ctx, "delete", "job", "-n", pharmaSpace, jobName, "--ignore-not-found", "--wait", "--timeout=30s"); err != nil {
		return "", err
	}
	start := time.Now()
	if err := w.apply("-f", "demo/manifests/pharma-job.yaml")(ctx); err != nil {
		return "", err
	}
	if _, err := until(ctx, w.jobDone); err != nil {
		pods, _ := w.run(context.WithoutCancel(ctx), "get", "pods", "-n", pharmaSpace, "-l", "app="+jobName)
		return "", fmt.Errorf("%w: %s", err, tail(pods))
	}
	took := since(start)
	log, err := w.run(ctx, "logs", "-n", pharmaSpace, "job/"+jobName, "-c", appContainer)
	if err != nil {
		return "", err
	}
	if !strings.Contains(log, `"patients":`) {
		return "", fmt.Errorf("it printed no result: %s", tail(log))
	}
	return "complete after " + took + ", with its result in the log", nil
}

func (w *World) jobDone(ctx context.Context) (any, error) {
	job, err := w.kube.BatchV1().Jobs(pharmaSpace).Get(ctx, jobName, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the Job: %w", err)
	}
	for _, condition := range job.Status.Conditions {
		if condition.Type == batchv1.JobComplete && condition.Status == corev1.ConditionTrue {
			return nil, nil
		}
	}
	return nil, errors.New("the Job is not complete")
}
