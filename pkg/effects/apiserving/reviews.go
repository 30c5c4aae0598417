package apiserving

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"net/netip"
	"sync"

	"k8s.io/apiserver/pkg/authentication/authenticator"
)

// Bounds of the tokens that are reviewed at a time. Their requests wait with headers and all, and anyone may send tokens: one address leaves room for the others,
// and all of them for tokens that were accepted before. A guest's user makes as many tokens that are accepted as it likes: of these, too, one address leaves room.
const (
	mostReviews      = 256
	reviewsOfAddress = 32
	reviewsOfKnown   = 64 // of mostReviews, for tokens that were accepted before
	mostKnown        = 4096
)

// ErrBusy is the error of a caller whose token is not known and is not reviewed now, because too many are.
var ErrBusy = errors.New("too many tokens are reviewed at the moment; try again")

// reviews has tokens reviewed, so many at a time, and so many of one address. It is safe for concurrent use. The cache of tokens asks it about those that it does
// not know, and does not pass on who has sent them: the requests note it (from).
type reviews struct {
	by               authenticator.Token
	most, one, known int

	mu       sync.Mutex
	sent     map[string]*sender // by token
	of       map[string]int     // reviews of an address
	all      int
	accepted accepted
}

// sender is the address that has first sent a token, and how many requests wait for the token's review.
type sender struct {
	address  string
	requests int
}

func newReviews(by authenticator.Token, most, one, known int) *reviews {
	return &reviews{by: by, most: most, one: one, known: known, sent: map[string]*sender{}, of: map[string]int{}}
}

// AuthenticateToken implements authenticator.Token.
func (r *reviews) AuthenticateToken(ctx context.Context, token string) (response *authenticator.Response, ok bool, err error) {
	address, may := r.begin(token)
	if !may {
		return nil, false, ErrBusy
	}
	defer func() { r.end(address, token, ok) }() // also after a panic, from which the cache recovers
	return r.by.AuthenticateToken(ctx, token)
}

func (r *reviews) begin(token string) (address string, may bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sender := r.sent[token]; sender != nil {
		address = sender.address
	}
	most, one := r.most-r.known, r.one
	if r.accepted.has(token) {
		most, one = r.most, r.one+r.known
	}
	if r.all >= most || r.of[address] >= one {
		return address, false
	}
	r.all++
	r.of[address]++
	return address, true
}

func (r *reviews) end(address, token string, accepted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if accepted {
		r.accepted.note(token)
	}
	r.all--
	if r.of[address]--; r.of[address] == 0 {
		delete(r.of, address)
	}
}

// accepted are the hashes of tokens that were accepted, the last mostKnown of them and at most as many older ones.
type accepted struct {
	last, older map[[sha256.Size]byte]struct{}
}

func (a *accepted) has(token string) bool {
	hash := sha256.Sum256([]byte(token))
	_, last := a.last[hash]
	_, older := a.older[hash]
	return last || older
}

func (a *accepted) note(token string) {
	if a.last == nil || len(a.last) >= mostKnown {
		a.last, a.older = map[[sha256.Size]byte]struct{}{}, a.last
	}
	a.last[sha256.Sum256([]byte(token))] = struct{}{}
}

// from notes the address that has sent a token, until the request ends.
func (r *reviews) from(address, token string) (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent[token] == nil {
		r.sent[token] = &sender{address: address}
	}
	r.sent[token].requests++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.sent[token].requests--; r.sent[token].requests == 0 {
			delete(r.sent, token)
		}
	}
}

// attributed authenticates tokens with a cache before reviews, and notes who sends them.
type attributed struct {
	cached  authenticator.Token
	reviews *reviews
}

type addressKey struct{}

// AuthenticateToken implements authenticator.Token.
func (a attributed) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	address, _ := ctx.Value(addressKey{}).(string)
	defer a.reviews.from(address, token)()
	return a.cached.AuthenticateToken(ctx, token)
}

// addressOf returns the address that a connection counts on: all of an IPv6 network of 64 bits are one caller's.
func addressOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	network, err := ip.Prefix(64)
	if err != nil {
		return host
	}
	return network.String()
}
