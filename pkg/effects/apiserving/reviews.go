package apiserving

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"net/netip"
	"sync"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
)

// Bounds of the tokens that are reviewed at a time. Their requests wait with headers and all, and anyone may send tokens: one address leaves room for the others,
// and all of them for tokens that were accepted before. A guest's user makes as many tokens that are accepted as it likes, and sends them from as many addresses: of these,
// too, one address leaves room, and one owner (a guest, or a user who belongs to none), and all of them for tokens that are new.
const (
	mostReviews      = 256
	reviewsOfAddress = 32
	reviewsOfKnown   = 64 // of mostReviews, for tokens that were accepted before, and as many for those that are new; of one owner, and more than that of an address
	mostKnown        = 4096
)

// ErrBusy is the error of a caller whose token is not known and is not reviewed now, because too many are.
var ErrBusy = errors.New("too many tokens are reviewed at the moment; try again")

// reviews has tokens reviewed, so many at a time, and so many of one address. It is safe for concurrent use. The cache of tokens asks it about those that it does
// not know, and does not pass on who has sent them: the requests note it (from).
type reviews struct {
	by               authenticator.Token
	most, one, known int
	guestOf          func(name string, groups []string) string

	mu       sync.Mutex
	sent     map[string]*sender // by token
	of       map[string]int     // reviews of an address
	ofOwner  map[owner]int      // those of tokens that were accepted before
	all      int
	allKnown int // of all, those of tokens that were accepted before
	accepted accepted
}

// review is one that has begun.
type review struct {
	address string
	owner   owner
}

// sender is the address that has first sent a token, and how many requests wait for the token's review.
type sender struct {
	address  string
	requests int
}

func newReviews(by authenticator.Token, most, one, known int, guestOf func(string, []string) string) *reviews {
	return &reviews{by: by, most: most, one: one, known: known, guestOf: guestOf, sent: map[string]*sender{}, of: map[string]int{}, ofOwner: map[owner]int{}}
}

// ownerOf returns on what the reviews of a user's tokens count.
func (r *reviews) ownerOf(u user.Info) owner {
	name := "user " + u.GetName()
	if guest := r.guestOf(u.GetName(), u.GetGroups()); guest != "" {
		name = "guest " + guest
	}
	return sha256.Sum256([]byte(name))
}

// AuthenticateToken implements authenticator.Token.
func (r *reviews) AuthenticateToken(ctx context.Context, token string) (response *authenticator.Response, ok bool, err error) {
	one, may := r.begin(token)
	if !may {
		return nil, false, ErrBusy
	}
	var of owner
	defer func() { r.end(one, token, of) }() // also after a panic, from which the cache recovers
	response, ok, err = r.by.AuthenticateToken(ctx, token)
	if err == nil && ok {
		of = r.ownerOf(response.User)
	}
	return response, ok, err
}

func (r *reviews) begin(token string) (one review, may bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sender := r.sent[token]; sender != nil {
		one.address = sender.address
	}
	one.owner = r.accepted.ownerOf(token)
	like, ofAddress := r.all-r.allKnown, r.one
	if one.owner != (owner{}) {
		like, ofAddress = r.allKnown, r.one+r.known
		if r.ofOwner[one.owner] >= r.known {
			return one, false
		}
	}
	if r.all >= r.most || like >= r.most-r.known || r.of[one.address] >= ofAddress {
		return one, false
	}
	r.count(one, 1)
	return one, true
}

// count counts a review that begins, or by -1 one that has ended.
func (r *reviews) count(one review, by int) {
	r.all += by
	if r.of[one.address] += by; r.of[one.address] == 0 {
		delete(r.of, one.address)
	}
	if one.owner == (owner{}) {
		return
	}
	r.allKnown += by
	if r.ofOwner[one.owner] += by; r.ofOwner[one.owner] == 0 {
		delete(r.ofOwner, one.owner)
	}
}

// end ends a review, after which its token is known as that of an owner, if it was accepted.
func (r *reviews) end(one review, token string, of owner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of != (owner{}) {
		r.accepted.note(token, of)
	}
	r.count(one, -1)
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
