package apiproxy

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"data-space.liqo.io/pkg/decisions/window"
	"data-space.liqo.io/pkg/effects/eventsocket"
)

// bySocket reports whether the events of a watch that is read here go by a websocket: a filtered one, or one of all namespaces if it is put together here.
func bySocket(r *http.Request, planned *plan) (bool, error) {
	filtered := planned.verdict.Action == window.Filter
	if r.Header.Get("Upgrade") == "" || !filtered && (planned.verdict.Action != window.Pass || !window.MayMerge(planned.ids, planned.request)) {
		return false, nil
	}
	err := eventsocket.Unfit(r)
	if filtered && planned.request.Verb != "watch" {
		return false, apierrors.NewBadRequest("the request is not a watch; send it as an ordinary request")
	}
	if filtered && err != nil {
		return false, apierrors.NewBadRequest(err.Error())
	}
	return err == nil && planned.request.Verb == "watch", nil
}

// follow answers a watch, which ends when its verdict is not that of now any more.
func (p *proxy) follow(w http.ResponseWriter, r *http.Request, planned *plan) {
	ctx, end := p.watches.begin(r.Context(), planned.holds, planned.follow)
	defer end()
	if planned.socket {
		var gone func()
		ctx, gone = context.WithCancel(ctx)
		defer gone()
		socket := eventsocket.New(w, r, func() bool { return planned.verdict.Action != window.Pass }, gone)
		defer socket.End()
		w = socket
	}
	p.forward.ServeHTTP(w, r.WithContext(ctx))
}
