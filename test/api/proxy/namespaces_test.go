//go:build api

package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"data-space.liqo.io/pkg/values/apis"
)

func listed(t *testing.T, config *rest.Config, options metav1.ListOptions) []string {
	t.Helper()
	list, err := clients(t, config).CoreV1().Namespaces().List(t.Context(), options)
	require.NoError(t, err)
	return namesOf(list.Items)
}

func namesOf(namespaces []corev1.Namespace) []string {
	names := make([]string, 0, len(namespaces))
	for i := range namespaces {
		names = append(names, namespaces[i].Name)
	}
	return names
}

func TestAGuestListsItsOwnNamespacesWithoutConfiguration(t *testing.T) {
	w := newWorld(t)
	proxied, direct := w.pharma(t)
	_, err := clients(t, direct).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "the API server itself shows the guest none: %v", err)
	own := []string{"pharma-a", "pharma-b"}
	require.Equal(t, own, listed(t, proxied, metav1.ListOptions{}))
	protobuf := rest.CopyConfig(proxied)
	protobuf.ContentType = "application/vnd.kubernetes.protobuf"
	require.Equal(t, own, listed(t, protobuf, metav1.ListOptions{}))

	c := clients(t, proxied).CoreV1().Namespaces()
	page, err := c.List(t.Context(), metav1.ListOptions{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, own[:1], namesOf(page.Items))
	require.Nil(t, page.RemainingItemCount)
	page, err = c.List(t.Context(), metav1.ListOptions{Limit: 1, Continue: page.Continue})
	require.NoError(t, err)
	require.Equal(t, own[1:], namesOf(page.Items))

	for selector, want := range map[string][]string{
		"kubernetes.io/metadata.name=pharma-b": own[1:], "kubernetes.io/metadata.name in (pharma-a,rival-a)": own[:1],
		"kubernetes.io/metadata.name=rival-a": {}, apis.LabelRemoteCluster + "=rival": {}, apis.LabelRemoteCluster: own, "!" + apis.LabelRemoteCluster: {},
		apis.LabelTenantNamespace: {},
	} {
		require.ElementsMatch(t, want, listed(t, proxied, metav1.ListOptions{LabelSelector: selector}), selector)
	}
	require.Equal(t, own[:1], listed(t, proxied, metav1.ListOptions{FieldSelector: "metadata.name=pharma-a"}))
	require.Empty(t, listed(t, proxied, metav1.ListOptions{FieldSelector: "metadata.name=rival-a"}))
}

func TestANamespaceOfAnotherIsAbsent(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	admin := w.Clients.CoreV1().Namespaces()
	mine, err := clients(t, proxied).CoreV1().Namespaces().Get(t.Context(), "pharma-a", metav1.GetOptions{})
	require.NoError(t, err)
	theirs, err := admin.Get(t.Context(), "pharma-a", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, theirs, mine)
	for _, hidden := range []string{"rival-a", "hospital", "kube-system", "liqo-tenant-pharma"} {
		code, header, hiddenBody := send(t, proxied, "GET", "/api/v1/namespaces/"+hidden, nil, nil)
		_, absentHeader, absentBody := send(t, proxied, "GET", "/api/v1/namespaces/not-there", nil, nil)
		require.Equal(t, http.StatusNotFound, code)
		require.Equal(t, strings.ReplaceAll(absentBody, "not-there", hidden), hiddenBody, "hidden and absent look the same")
		require.Equal(t, keys(absentHeader), keys(header))
	}
	_, _, want := send(t, w.Config, "GET", "/api/v1/namespaces/not-there", nil, nil)
	_, _, ours := send(t, proxied, "GET", "/api/v1/namespaces/not-there", nil, nil)
	require.Equal(t, want, ours, "the document is the API server's")
}

func keys(h http.Header) []string {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestEachFormOfAnAnswer(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	one, selected := "/api/v1/namespaces/pharma-a", "/api/v1/namespaces?labelSelector="+url.QueryEscape(apis.LabelRemoteCluster+"="+guest+",!"+apis.LabelTenantNamespace)
	for _, accept := range []string{
		"application/json", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "application/yaml, application/json",
		"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json", "", "*/*",
	} {
		header := http.Header{"Accept": {accept}}
		code, _, ours := send(t, proxied, "GET", one, header, nil)
		require.Equal(t, 200, code, "%s: %s", accept, ours)
		_, _, theirs := send(t, w.Config, "GET", one, http.Header{"Accept": {strings.ReplaceAll(accept, "application/yaml, ", "")}}, nil)
		require.JSONEq(t, withoutAge(theirs), withoutAge(ours), accept)
	}
	for _, accept := range []string{
		"application/json", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/yaml", "application/cbor",
		"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1", "application/vnd.kubernetes.protobuf",
	} {
		header := http.Header{"Accept": {accept}, "Accept-Encoding": {"gzip"}}
		code, _, ours := send(t, proxied, "GET", "/api/v1/namespaces", header, nil)
		realCode, _, theirs := send(t, w.Config, "GET", selected, header, nil)
		require.Equal(t, realCode, code, accept)
		if code == 200 {
			require.Len(t, ours, len(theirs), accept)
		}
	}
	only := func(config *rest.Config) *rest.Config {
		config = rest.CopyConfig(config)
		config.ContentType, config.AcceptContentTypes = "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf"
		return config
	}
	ours, err := clients(t, only(proxied)).CoreV1().Namespaces().Get(t.Context(), "pharma-a", metav1.GetOptions{})
	require.NoError(t, err)
	theirs, err := clients(t, only(w.Config)).CoreV1().Namespaces().Get(t.Context(), "pharma-a", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, theirs, ours, "for clients that read protobuf only")
	_, err = clients(t, only(proxied)).CoreV1().Namespaces().Get(t.Context(), "rival-a", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

// withoutAge removes the ages in a table, which depend on the moment.
func withoutAge(document string) string {
	var table map[string]any
	if json.Unmarshal([]byte(document), &table) != nil || table["kind"] != "Table" {
		return document
	}
	for _, row := range table["rows"].([]any) {
		delete(row.(map[string]any), "cells")
	}
	text, _ := json.Marshal(table)
	return string(text)
}

func TestAWatchFollowsNamespacesThatJoinAndLeave(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	for _, form := range []string{"application/json", "application/vnd.kubernetes.protobuf"} {
		config := rest.CopyConfig(proxied)
		config.ContentType = form
		factory := informers.NewSharedInformerFactory(clients(t, config), 0)
		informer := factory.Core().V1().Namespaces().Informer()
		events := make(chan string, 100)
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { events <- "added " + o.(*corev1.Namespace).Name },
			DeleteFunc: func(o any) { events <- "deleted " + o.(*corev1.Namespace).Name },
		})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		factory.Start(ctx.Done())
		require.ElementsMatch(t, []string{"added pharma-a", "added pharma-b"}, []string{next(t, events), next(t, events)}, form)
		name := fmt.Sprintf("joins-%d", len(form))
		w.create(t, named(name, ""))
		w.label(t, name, "elsewhere")
		w.label(t, name, guest)
		require.Equal(t, "added "+name, next(t, events))
		w.label(t, name, "elsewhere")
		require.Equal(t, "deleted "+name, next(t, events))
		stop()
		factory.Shutdown()
	}
}

func (w *world) label(t *testing.T, name, guest string) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, apis.LabelRemoteCluster, guest)
	_, err := w.Clients.CoreV1().Namespaces().Patch(t.Context(), name, "application/merge-patch+json", []byte(patch), metav1.PatchOptions{})
	require.NoError(t, err)
}

func next(t *testing.T, events <-chan string) string {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(waitLong):
		t.Fatal("no event")
		return ""
	}
}

func TestAWatchOfOneNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	proxied, _ := w.pharma(t)
	c := clients(t, proxied).CoreV1().Namespaces()
	for name, want := range map[string]bool{"pharma-a": true, "rival-a": false} {
		seen, err := c.Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name, TimeoutSeconds: new(int64(6))})
		require.NoError(t, err)
		var types []watch.EventType
		for e := range seen.ResultChan() {
			types = append(types, e.Type)
		}
		require.Equal(t, want, slices.Contains(types, watch.Added), name)
	}
}

func TestANamespaceWhoseLabelWasChangedIsNotTheNextGuests(t *testing.T) {
	w := newWorld(t)
	proxied, _ := w.user(t, "taker", "takers")
	space := named("remembered", "takers")
	w.create(t, space)
	eventually(t, func() bool { return len(listedOrNone(t, proxied)) == 1 }, "without a memory the label decides")
	space.Labels["data-space.liqo.io/guest"] = guest
	require.NoError(t, w.Client.Update(t.Context(), space))
	eventually(t, func() bool { return len(listedOrNone(t, proxied)) == 0 }, "the label by which the controller remembers the guest counts more")
	code, _, _ := send(t, proxied, "GET", "/api/v1/namespaces/remembered", nil, nil)
	require.Equal(t, http.StatusNotFound, code)
	space.Labels["data-space.liqo.io/guest"] = "takers"
	require.NoError(t, w.Client.Update(t.Context(), space))
	eventually(t, func() bool { return len(listedOrNone(t, proxied)) == 1 }, "both agree")
}

func listedOrNone(t *testing.T, config *rest.Config) []string {
	t.Helper()
	list, err := clients(t, config).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		return nil
	}
	return namesOf(list.Items)
}

func TestOthersSeeWhatTheAPIServerShowsThem(t *testing.T) {
	w := newWorld(t)
	proxied, direct := w.user(t, "clerk", "accounting")
	_, err := clients(t, proxied).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsForbidden(err), "%v", err)
	_, want := clients(t, direct).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	require.Equal(t, want.Error(), err.Error())
	proxied, _ = w.user(t, "other", "rival")
	require.Equal(t, []string{"rival-a"}, listed(t, proxied, metav1.ListOptions{}))
	proxied, _ = w.user(t, "both", "rival", guest)
	require.Equal(t, []string{"pharma-a", "pharma-b", "rival-a"}, listed(t, proxied, metav1.ListOptions{}))
}
