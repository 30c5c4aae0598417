package leastpriv

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"data-space.liqo.io/pkg/values/apis"
)

// Source is a ConfigMap or Secret from which containers get variables.
type Source struct {
	Kind string // ConfigMap or Secret
	Name string
}

func (s Source) String() string { return s.Kind + " " + s.Name }

// The kinds of a Source.
const (
	KindConfigMap = "ConfigMap"
	KindSecret    = "Secret"
)

const (
	// workLimit is how many bytes of one workload's variables and arguments are read.
	workLimit = 1 << 20
	// namesLimit is how many names of one workload are followed.
	namesLimit = 1000
	// KeptLimit is how many bytes the names of one workload take, with the places that mention them.
	KeptLimit = 128 << 10
	// sourcesLimit is how many ConfigMaps and Secrets of one workload are read.
	sourcesLimit = 100
)

// Wish is a name that a workload mentions, and where.
type Wish struct {
	Name
	// Where is the place in the pod's spec that mentions the name, as a reason of the policy has it.
	Where string
}

// Wishes are what a workload's containers mention, and what of them was not read.
type Wishes struct {
	All []Wish
	// Missing are the sources that the pods need and that could not be read.
	Missing []Source
	// Cut says that more is there than is read.
	Cut bool
	// Full means that nothing is kept: the workloads of the namespace mention too much.
	Full bool
}

// wishOverhead is what a Wish takes beside its texts.
const wishOverhead = 100

// Size is about how many bytes of memory the wishes take.
func (w Wishes) Size() int {
	size := wishOverhead
	for _, one := range w.All {
		size += one.size()
	}
	for _, s := range w.Missing {
		size += wishOverhead + len(s.Name)
	}
	return size
}

func (w Wish) size() int {
	return wishOverhead + len(w.Service) + len(w.Pod) + len(w.Namespace) + len(w.Where)
}

// Sources returns the ConfigMaps and Secrets that containers get variables from, sorted.
func Sources(pod corev1.PodSpec) []Source {
	var all []Source
	for _, c := range containers(pod) {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				all = append(all, Source{KindConfigMap, from.ConfigMapRef.Name})
			}
			if from.SecretRef != nil {
				all = append(all, Source{KindSecret, from.SecretRef.Name})
			}
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil {
				all = append(all, Source{KindConfigMap, e.ValueFrom.ConfigMapKeyRef.Name})
			}
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				all = append(all, Source{KindSecret, e.ValueFrom.SecretKeyRef.Name})
			}
		}
	}
	slices.SortFunc(all, compareSources)
	all = slices.Compact(all)
	return slices.Clone(all[:min(len(all), sourcesLimit)]) // the others are not kept
}

func compareSources(a, b Source) int {
	if a.Kind != b.Kind {
		return compare(a.Kind, b.Kind)
	}
	return compare(a.Name, b.Name)
}

// containers returns init containers and containers, without the proxy that admission injects.
func containers(pod corev1.PodSpec) []corev1.Container {
	all := slices.Concat(pod.InitContainers, pod.Containers)
	return slices.DeleteFunc(all, func(c corev1.Container) bool { return c.Name == apis.ProxyContainerName })
}

// FindAll returns the names that the containers of a pod mention in variables, command and args. contents has the data of the sources.
func FindAll(pod corev1.PodSpec, namespace, domain string, contents map[Source]map[string]string) Wishes {
	r := reader{namespace: namespace, domain: domain, contents: contents, left: workLimit, seen: map[Name]bool{}, missing: map[Source]bool{}}
	for _, c := range containers(pod) {
		vars := r.variables(c)
		for _, v := range vars.order {
			r.read(vars.values[v].text, fmt.Sprintf("container %s, %s", c.Name, vars.values[v].where))
		}
		for i, text := range slices.Concat(c.Command, c.Args) {
			r.read(r.expand(text, vars), fmt.Sprintf("container %s, argument %d", c.Name, i))
		}
	}
	for s := range r.missing {
		r.wishes.Missing = append(r.wishes.Missing, s)
	}
	slices.SortFunc(r.wishes.Missing, compareSources)
	return r.wishes
}

// reader reads the containers of one workload, within one amount of work.
type reader struct {
	namespace, domain string
	contents          map[Source]map[string]string
	left, kept        int
	seen              map[Name]bool
	missing           map[Source]bool
	wishes            Wishes
}

type variable struct{ text, where string }

// variables are a container's, in the order in which they are set. A later one replaces an earlier one of the same name.
type variables struct {
	order  []string
	values map[string]variable
}

func (v *variables) set(name string, value variable) {
	if _, there := v.values[name]; !there {
		v.order = append(v.order, name)
	}
	v.values[name] = value
}

// variables returns the environment of a container as the kubelet builds it: envFrom first, in the order of the list, then env, each over those
// before it. Keys of sources that could not be read are left out; required sources are noted as missing.
func (r *reader) variables(c corev1.Container) *variables {
	vars := &variables{values: map[string]variable{}}
	for _, from := range c.EnvFrom {
		source, optional := sourceOf(from)
		data, there := r.contents[source]
		if !there && !optional {
			r.missing[source] = true
		}
		for _, key := range sortedKeys(data) {
			vars.set(from.Prefix+key, variable{data[key], fmt.Sprintf("%s key %s", source, clip(key))})
		}
	}
	for _, e := range c.Env {
		if value, ok := r.value(e, vars); ok {
			vars.set(e.Name, value)
		}
	}
	return vars
}

func sourceOf(from corev1.EnvFromSource) (source Source, optional bool) {
	switch {
	case from.ConfigMapRef != nil:
		return Source{KindConfigMap, from.ConfigMapRef.Name}, truth(from.ConfigMapRef.Optional)
	case from.SecretRef != nil:
		return Source{KindSecret, from.SecretRef.Name}, truth(from.SecretRef.Optional)
	default:
		return Source{}, true
	}
}

func (r *reader) value(e corev1.EnvVar, vars *variables) (variable, bool) {
	where := "variable " + clip(e.Name)
	from := e.ValueFrom
	switch {
	case from == nil:
		return variable{r.expand(e.Value, vars), where}, true
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		return r.key(Source{KindConfigMap, ref.Name}, ref.Key, truth(ref.Optional), where)
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		return r.key(Source{KindSecret, ref.Name}, ref.Key, truth(ref.Optional), where)
	case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.namespace":
		return variable{r.namespace, where}, true
	default:
		return variable{}, false
	}
}

func (r *reader) key(source Source, key string, optional bool, where string) (variable, bool) {
	data, there := r.contents[source]
	if !there && !optional {
		r.missing[source] = true
	}
	text, there := data[key]
	return variable{text, fmt.Sprintf("%s from %s key %s", where, source, clip(key))}, there
}

func (r *reader) expand(text string, vars *variables) string {
	out := expand(text, func(name string) (string, bool) { v, set := vars.values[name]; return v.text, set }, min(textLimit, max(r.left, 0))+1) // one more than is read
	if len(out) > len(text) {
		r.left -= len(out) - len(text) // what is read is counted there
	}
	return out
}

// read finds the names in a text and keeps those that are new. It reads at most textLimit bytes of the text and workLimit of all texts of a
// workload; what is beyond sets Cut, and the names that were found stay.
func (r *reader) read(text, where string) {
	if len(text) > textLimit || len(text) > r.left {
		r.wishes.Cut = true
		text = text[:min(textLimit, max(r.left, 0))]
	}
	r.left -= len(text)
	for _, name := range findNames(text, r.namespace, r.domain) {
		if r.seen[name] {
			continue
		}
		wish := Wish{name, where}
		if len(r.wishes.All) == namesLimit || r.kept+wish.size() > KeptLimit {
			r.wishes.Cut = true
			return
		}
		wish.Service, wish.Pod, wish.Namespace = strings.Clone(name.Service), strings.Clone(name.Pod), strings.Clone(name.Namespace) // not the text that they are in
		r.kept += wish.size()
		r.seen[wish.Name] = true
		r.wishes.All = append(r.wishes.All, wish)
	}
}
