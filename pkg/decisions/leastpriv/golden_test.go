package leastpriv_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"data-space.liqo.io/pkg/decisions/leastpriv"
	"data-space.liqo.io/test/golden"
)

var update = flag.Bool("update", false, "write the goldens in testdata")

// TestGoldens computes the policies of each world in testdata. Its comment may set the mode of all namespaces (all: Enforce) and the number
// of peers (peers: 3).
func TestGoldens(t *testing.T) {
	golden.Each(t, archived)
}

func archived(t *testing.T, file string, archive *txtar.Archive) {
	w, notes := world(t, string(archive.Files[0].Data), string(archive.Comment))
	result := leastpriv.Policies(w)
	var text strings.Builder
	for _, p := range result.Policies {
		show(&text, p)
		requireStored(t, p)
	}
	for _, f := range result.Findings {
		fmt.Fprintf(&text, "finding: %s: %s\n", f.Workload, f.Message)
	}
	text.WriteString(notes)
	observed := txtar.Archive{Comment: archive.Comment, Files: []txtar.File{archive.Files[0], {Name: "policies.txt", Data: []byte(text.String())}}}
	if strings.Contains(string(archive.Comment), "in full") {
		for _, p := range result.Policies {
			out, err := yaml.Marshal(p)
			require.NoError(t, err)
			observed.Files = append(observed.Files, txtar.File{Name: p.Name + ".yaml", Data: out})
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(file, txtar.Format(&observed), 0o600))
	}
	require.Equal(t, string(txtar.Format(archive)), string(txtar.Format(&observed)), "run with -update after looking at the change")
}

// requireStored requires a form that the API server stores as it is: without empty lists, and with what it would add.
func requireStored(t *testing.T, p *networkingv1.NetworkPolicy) {
	out, err := yaml.Marshal(p.Spec)
	require.NoError(t, err)
	require.NotContains(t, string(out), "[]")
	require.Len(t, p.Spec.PolicyTypes, 2)
	lines := 0
	for _, r := range p.Spec.Ingress {
		lines += len(r.From)
	}
	for _, r := range p.Spec.Egress {
		lines += len(r.To)
	}
	if p.Name != leastpriv.ClosedName {
		require.Equal(t, lines, strings.Count(p.Annotations[leastpriv.AnnotationReasons], "\n"), "each peer has its reason")
	}
}

func show(to *strings.Builder, p *networkingv1.NetworkPolicy) {
	fmt.Fprintf(to, "%s/%s (%s) selects %s\n", p.Namespace, p.Name, p.Labels[leastpriv.LabelPolicy], metav1.FormatLabelSelector(&p.Spec.PodSelector))
	for _, r := range p.Spec.Ingress {
		fmt.Fprintf(to, "  from %s%s\n", peer(r.From[0]), ports(r.Ports))
	}
	for _, r := range p.Spec.Egress {
		fmt.Fprintf(to, "  to %s%s\n", peer(r.To[0]), ports(r.Ports))
	}
	for line := range strings.Lines(p.Annotations[leastpriv.AnnotationReasons]) {
		fmt.Fprintf(to, "    # %s\n", strings.TrimSuffix(line, "\n"))
	}
}

func peer(p networkingv1.NetworkPolicyPeer) string {
	if p.IPBlock != nil {
		return p.IPBlock.CIDR
	}
	namespace := "."
	if p.NamespaceSelector != nil {
		namespace = "[" + metav1.FormatLabelSelector(p.NamespaceSelector) + "]"
	}
	return namespace + "/" + metav1.FormatLabelSelector(p.PodSelector)
}

func ports(all []networkingv1.NetworkPolicyPort) string {
	text := ""
	for _, p := range all {
		text += fmt.Sprintf(" %s/%s", *p.Protocol, p.Port)
	}
	return text
}

// world reads the documents of a cluster. It returns notes about labels that have no effect.
func world(t *testing.T, documents, comment string) (leastpriv.World, string) {
	w := leastpriv.World{
		Settings: leastpriv.DefaultSettings(), Namespaces: map[string]leastpriv.Namespace{},
		Owner: metav1.OwnerReference{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "owner", UID: "uid"},
	}
	mode := leastpriv.Switch{Mode: leastpriv.Enforce, Excluded: map[string]bool{"kube-system": true}, All: strings.Contains(comment, "all: Enforce")}
	if _, n, ok := strings.Cut(comment, "peers: "); ok {
		_, err := fmt.Sscan(n, &w.MaxPeers)
		require.NoError(t, err)
	}
	contents := map[string]map[leastpriv.Source]map[string]string{}
	jobs := map[string][]string{}
	var templates []leastpriv.Template
	notes := ""
	for _, doc := range strings.Split(documents, "\n---\n") {
		switch o := parse(t, doc).(type) {
		case *corev1.Namespace:
			m, problem := mode.Of(o.Name, o.Labels)
			w.Namespaces[o.Name] = leastpriv.Namespace{Labels: o.Labels, Mode: m}
			if problem != "" {
				notes += "namespace " + o.Name + ": " + problem + "\n"
			}
		case *corev1.Service:
			w.Services = append(w.Services, o)
		case *discoveryv1.EndpointSlice:
			w.Slices = append(w.Slices, o)
		case *corev1.ConfigMap:
			put(contents, o.Namespace, leastpriv.Source{Kind: "ConfigMap", Name: o.Name}, o.Data)
		case *corev1.Secret:
			put(contents, o.Namespace, leastpriv.Source{Kind: "Secret", Name: o.Name}, o.StringData)
		case metav1.Object:
			if pod, ok := o.(*corev1.Pod); ok {
				if p, ok := leastpriv.PodOf(pod); ok {
					w.Pods = append(w.Pods, p)
				}
			}
			if owner := metav1.GetControllerOf(o); owner != nil && owner.Kind == leastpriv.KindCronJob {
				jobs[owner.Name] = append(jobs[owner.Name], o.GetName())
			}
			if template, ok := leastpriv.TemplateOf(o); ok {
				templates = append(templates, template)
			}
		}
	}
	for _, one := range templates {
		ns := one.Object.GetNamespace()
		require.Contains(t, w.Namespaces, ns)
		if w.Namespaces[ns].Mode == leastpriv.Off {
			continue
		}
		workload := one.Workload(leastpriv.FindAll(one.Spec, ns, w.ClusterDomain, contents[ns]))
		if one.Kind == leastpriv.KindCronJob {
			workload.Jobs = jobs[workload.Name]
		}
		w.Workloads = append(w.Workloads, workload)
	}
	return w, notes
}

func put(all map[string]map[leastpriv.Source]map[string]string, namespace string, s leastpriv.Source, data map[string]string) {
	if all[namespace] == nil {
		all[namespace] = map[leastpriv.Source]map[string]string{}
	}
	all[namespace][s] = data
}

func parse(t *testing.T, doc string) any {
	var kind metav1.TypeMeta
	require.NoError(t, yaml.Unmarshal([]byte(doc), &kind))
	into, known := map[string]any{
		"Namespace": &corev1.Namespace{}, "Service": &corev1.Service{}, "EndpointSlice": &discoveryv1.EndpointSlice{}, "Pod": &corev1.Pod{},
		"ConfigMap": &corev1.ConfigMap{}, "Secret": &corev1.Secret{}, "Deployment": &appsv1.Deployment{}, "StatefulSet": &appsv1.StatefulSet{},
		"DaemonSet": &appsv1.DaemonSet{}, "ReplicaSet": &appsv1.ReplicaSet{}, "Job": &batchv1.Job{}, "CronJob": &batchv1.CronJob{},
	}[kind.Kind]
	require.True(t, known, doc)
	require.NoError(t, yaml.UnmarshalStrict([]byte(doc), into), doc)
	return into
}
