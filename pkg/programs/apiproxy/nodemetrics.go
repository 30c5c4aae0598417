package apiproxy

import (
	"context"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/fields"
)

// ofVisibleNodes are the metrics of the nodes that the caller sees. It is for one goroutine.
func (p *proxy) ofVisibleNodes(ctx context.Context, planned *plan) sees {
	var names map[string]bool
	return func(o objectDocument) (bool, error) {
		if names == nil {
			var err error
			if names, err = p.visibleNodes(ctx, planned); err != nil {
				return false, err
			}
		}
		return o.Metadata.Namespace == "" && names[o.Metadata.Name], nil
	}
}

// visibleNodes returns the names of the nodes that the caller sees now, of all or of the one that is asked for.
func (p *proxy) visibleNodes(ctx context.Context, planned *plan) (map[string]bool, error) {
	query := url.Values{}
	if planned.verdict.One {
		query.Set("fieldSelector", fields.OneTermEqualSelector("metadata.name", planned.request.Name).String())
	}
	end, err := p.heavy.begin(ctx, strings.Join(planned.ids, ","))
	if err != nil {
		return nil, err
	}
	defer end()
	names, seen := map[string]bool{}, seeing(planned.verdict.Visible)
	return names, p.objects(ctx, "/api/v1/nodes", query, metadataOnly, func(o objectDocument) error {
		shows, err := seen(o)
		if shows {
			names[o.Metadata.Name] = true
		}
		return err
	})
}
