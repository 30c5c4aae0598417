package controller

import (
	"maps"
	"reflect"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"data-space.liqo.io/pkg/decisions/guestnet"
)

// peers follows the networks of Liqo's peers in its Configurations, where the cluster has that kind. It is safe for concurrent use.
type peers struct {
	optional
	listeners

	mu      sync.Mutex
	allRead bool                     // all Configurations have been read, or there are none
	all     map[string]guestnet.Peer // by namespace and name
}

func newPeers(by followed) *peers {
	p := &peers{all: map[string]guestnet.Peer{}}
	p.followed, p.kind = by, schema.GroupKind{Group: "networking.liqo.io", Kind: "Configuration"}
	p.set = p.take
	p.read = func() {
		p.mu.Lock()
		p.allRead = true
		p.mu.Unlock()
		p.changed()
	}
	return p
}

// known returns the peers, in an order of their own; ok is false until all have been read.
func (p *peers) known() (all []guestnet.Peer, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(p.all)) {
		all = append(all, p.all[key])
	}
	return all, p.allRead
}

// source asks for these when the networks of a peer change.
func (p *peers) source(requests handler.MapFunc) source.Source {
	return p.listeners.source(requests, p.start)
}

// take takes a Configuration.
func (p *peers) take(o *unstructured.Unstructured, gone bool) {
	peer, key := guestnet.PeerIn(o.Object), client.ObjectKeyFromObject(o).String()
	p.mu.Lock()
	before, had := p.all[key]
	if p.all[key] = peer; gone {
		delete(p.all, key)
	}
	same := had && !gone && reflect.DeepEqual(before, peer)
	p.mu.Unlock()
	if !same {
		p.changed()
	}
}
