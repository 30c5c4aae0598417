package tolerations

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// MaxSettings is the size of a settings document.
const MaxSettings = 1 << 20

// parseSettings reads the settings document of the original policy (taint, allowed_users, allowed_groups) in YAML or JSON. The taint that it
// returns has no name. A field that is unknown, missing, there twice or of another type is an error that names it.
func parseSettings(document []byte) (Taint, error) {
	if len(document) > MaxSettings {
		return Taint{}, fmt.Errorf("the document has %d bytes, the limit is %d; give one policy's settings", len(document), MaxSettings)
	}
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return Taint{}, fmt.Errorf("not a document of YAML or JSON: %w; write taint, allowed_users and allowed_groups", err)
	}
	found := Taint{}
	fields, err := object("", text, "taint", "allowed_users", "allowed_groups")
	if err != nil {
		return found, err
	}
	if fields["taint"] == nil {
		return found, errors.New("taint: missing; name the taint's key and value")
	}
	taint, err := object("taint", fields["taint"], "key", "value")
	return found, errors.Join(err,
		scalar("taint.key", taint["key"], &found.Key), scalar("taint.value", taint["value"], &found.Value), checkTaint(err == nil, &found),
		names("allowed_users", fields["allowed_users"], &found.Users), names("allowed_groups", fields["allowed_groups"], &found.Groups))
}

// object returns the members of an object, of which no others than these are known.
func object(at string, text []byte, known ...string) (map[string]json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	if at == "" {
		at = "the document"
	}
	if bytes.Equal(bytes.TrimSpace(text), []byte("null")) || json.Unmarshal(text, &members) != nil {
		return nil, fmt.Errorf("%s: not a map; write the fields %s", at, strings.Join(known, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s: unknown field %q; the fields are %s", at, name, strings.Join(known, ", "))
		}
	}
	return members, nil
}

func scalar(at string, text json.RawMessage, into *string) error {
	if text == nil {
		return nil
	}
	var value *string
	if json.Unmarshal(text, &value) != nil || value == nil {
		return fmt.Errorf("%s: not a text; put it in quotes", at)
	}
	*into = *value
	return nil
}

// checkTaint validates key and value as the API server validates a node's taint, if it could be read.
func checkTaint(read bool, t *Taint) error {
	switch {
	case !read:
		return nil
	case t.Key == "":
		return errors.New("taint.key: missing; name the taint's key")
	}
	for _, problem := range validation.IsQualifiedName(t.Key) {
		return fmt.Errorf("taint.key: %q is not the key of a taint: %s", t.Key, problem)
	}
	for _, problem := range validation.IsValidLabelValue(t.Value) {
		return fmt.Errorf("taint.value: %q is not the value of a taint: %s", t.Value, problem)
	}
	return nil
}

// names reads a list of names. An absent list and null are empty ones.
func names(at string, text json.RawMessage, into *[]string) error {
	if text == nil {
		return nil
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(text, &elements); err != nil {
		return fmt.Errorf("%s: not a list; write a list of names", at)
	}
	for i, element := range elements {
		name := ""
		if err := scalar(fmt.Sprintf("%s[%d]", at, i), element, &name); err != nil {
			return err
		}
		if name == "" {
			return fmt.Errorf("%s[%d]: an empty name; remove it", at, i)
		}
		if slices.Contains(*into, name) {
			return fmt.Errorf("%s[%d]: %q is there twice; remove one", at, i, name)
		}
		*into = append(*into, name)
	}
	return nil
}

// ObjectName returns a name for the ProtectedTaint of a taint: its key and value, with what a name cannot hold replaced.
func (p *Taint) ObjectName() string {
	const longest = 200
	text := p.Key
	if p.Value != "" {
		text += "-" + p.Value
	}
	mapped := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
	if len(mapped) > longest {
		mapped = mapped[:longest]
	}
	labels := strings.FieldsFunc(mapped, func(r rune) bool { return r == '.' })
	for i := range labels {
		labels[i] = strings.Trim(labels[i], "-")
	}
	return strings.Join(slices.DeleteFunc(labels, func(label string) bool { return label == "" }), ".")
}
