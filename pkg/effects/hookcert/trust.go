package hookcert

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// caSuffix ends the common name of each CA that this package makes, and madeBefore is how long before it is made a CA begins to be valid
	// (the rotator's own).
	caSuffix, madeBefore = "-ca", time.Hour
	// overlap is how long the API server trusts a replaced CA beside the new one: far longer than replicas take to serve with the new one.
	overlap = 5 * time.Minute
)

// trust is the client by which CAs are written into the webhook configurations. A CA that is replaced stays beside the new one for a while:
// no replica is refused, whichever of the two its certificate is from.
type trust struct {
	client.Client
	name string        // of both configurations
	live client.Reader // not of a cache: what is replaced is what stands there now
	now  func() time.Time
}

// Update overrides client.Client.
func (t trust) Update(ctx context.Context, object client.Object, opts ...client.UpdateOption) error {
	next, ok := object.(*unstructured.Unstructured)
	if !ok || !strings.HasSuffix(next.GetKind(), "WebhookConfiguration") {
		return t.Client.Update(ctx, object, opts...)
	}
	before := &unstructured.Unstructured{}
	before.SetGroupVersionKind(next.GroupVersionKind())
	if err := t.live.Get(ctx, client.ObjectKeyFromObject(next), before); err != nil {
		return err
	}
	if bundle := overlapped(bundlesOf(next), bundlesOf(before), t.name, t.now()); bundle != nil {
		setBundles(next, bundle)
	}
	return t.Client.Update(ctx, next, opts...)
}

// alone takes every other CA out of the configurations.
func (t trust) alone(ctx context.Context, ca []byte) error {
	return t.each(ctx, func(configuration *unstructured.Unstructured) error {
		setBundles(configuration, ca)
		return t.Client.Update(ctx, configuration, client.FieldOwner(t.name))
	})
}

// trusted reports whether every webhook of both configurations trusts a CA, and whether none trusts another one.
func (t trust) trusted(ctx context.Context, ca []byte) (all, alone bool, err error) {
	all, alone = true, true
	err = t.each(ctx, func(configuration *unstructured.Unstructured) error {
		for _, bundle := range bundlesOf(configuration) {
			all = all && bytes.Contains(bundle, bytes.TrimSpace(ca))
			alone = alone && bytes.Equal(bytes.TrimSpace(bundle), bytes.TrimSpace(ca))
		}
		return nil
	})
	return all && err == nil, alone && err == nil, err
}

// each calls do for both configurations as they are now. One that is not there calls no replica.
func (t trust) each(ctx context.Context, do func(*unstructured.Unstructured) error) error {
	for _, kind := range []string{"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"} {
		found := &unstructured.Unstructured{}
		found.SetGroupVersionKind(schema.GroupVersionKind{Group: "admissionregistration.k8s.io", Version: "v1", Kind: kind})
		err := t.live.Get(ctx, client.ObjectKey{Name: t.name}, found)
		if err == nil {
			err = do(found)
		}
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("the CA in %s %s: %w", kind, t.name, err)
		}
	}
	return nil
}

func setBundles(configuration *unstructured.Unstructured, bundle []byte) {
	hooks, _, _ := unstructured.NestedSlice(configuration.Object, "webhooks")
	for _, hook := range hooks {
		if fields, ok := hook.(map[string]any); ok {
			_ = unstructured.SetNestedField(fields, base64.StdEncoding.EncodeToString(bundle), "clientConfig", "caBundle")
		}
	}
	_ = unstructured.SetNestedSlice(configuration.Object, hooks, "webhooks") // what was read from it fits into it
}

// bundlesOf returns the CA bundle of each webhook of a configuration.
func bundlesOf(configuration *unstructured.Unstructured) [][]byte {
	var all [][]byte
	hooks, _, _ := unstructured.NestedSlice(configuration.Object, "webhooks")
	for _, hook := range hooks {
		fields, _ := hook.(map[string]any)
		text, _, _ := unstructured.NestedString(fields, "clientConfig", "caBundle")
		bundle, _ := base64.StdEncoding.DecodeString(text)
		all = append(all, bundle)
	}
	return all
}

// overlapped returns the bundle for webhooks that get a new CA: the CA, and the newest of those before it that were made for the webhook, unless
// the overlap has passed. nil: the CA was made elsewhere.
func overlapped(next, before [][]byte, name string, now time.Time) []byte {
	if len(next) == 0 {
		return nil
	}
	made := authorities(next[0], name)
	if len(made) == 0 {
		return nil
	}
	bundle := encoded(made[0])
	if overlapEnds(made[0]).Before(now) {
		return bundle
	}
	var previous *x509.Certificate
	for _, each := range before {
		for _, ca := range authorities(each, name) {
			if !ca.Equal(made[0]) && now.Before(ca.NotAfter) && (previous == nil || ca.NotBefore.After(previous.NotBefore)) {
				previous = ca
			}
		}
	}
	if previous == nil {
		return bundle
	}
	return append(bundle, encoded(previous)...)
}

// overlapEnds returns until when the CA before another one is trusted.
func overlapEnds(ca *x509.Certificate) time.Time { return ca.NotBefore.Add(madeBefore + overlap) }

// authorities returns the CAs in a bundle that were made for a webhook of a name.
func authorities(bundle []byte, name string) []*x509.Certificate {
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			return all
		}
		if ca, err := x509.ParseCertificate(block.Bytes); err == nil && ca.IsCA && ca.Subject.CommonName == name+caSuffix {
			all = append(all, ca)
		}
	}
}

func encoded(ca *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
}
