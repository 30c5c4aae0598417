package apiserving

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/user"
)

// slow is an authenticator that accepts each token, when it may.
type slow struct {
	begun chan string
	may   chan struct{}
}

func (s slow) AuthenticateToken(_ context.Context, token string) (*authenticator.Response, bool, error) {
	s.begun <- token
	<-s.may
	return &authenticator.Response{User: &user.DefaultInfo{Name: token}}, true, nil
}

// byName has the tokens of a user GUEST/NAME count on the guest.
func byName(name string, _ []string) string {
	guest, _, _ := strings.Cut(name, "/")
	if guest == name {
		return ""
	}
	return guest
}

// Anyone may send tokens that are all different, each with 128 KiB of headers.
func TestOnlySoManyRequestsWaitForTheReviewOfTheirTokens(t *testing.T) {
	const most = 3
	inner := slow{make(chan string, 10), make(chan struct{})}
	for name, c := range map[string]struct {
		by   authenticator.Token
		more bool // one more waits too
	}{"without the bound": {inner, true}, "with it": {newReviews(inner, most, most, 0, byName), false}} {
		cached := cache.New(c.by, false, acceptedFor, refusedFor)
		var group sync.WaitGroup
		ask := func(token string) {
			group.Go(func() {
				_, ok, err := cached.AuthenticateToken(t.Context(), token)
				if err != nil || !ok {
					t.Errorf("%s: %s: %v %v", name, token, ok, err)
				}
			})
			<-inner.begun
		}
		for i := range most {
			ask(fmt.Sprint(name, i))
		}
		if c.more {
			ask(name + "more")
		} else {
			_, ok, err := cached.AuthenticateToken(t.Context(), name+"more")
			require.ErrorIs(t, err, ErrBusy)
			require.False(t, ok)
		}
		for range most {
			inner.may <- struct{}{}
		}
		if c.more {
			inner.may <- struct{}{}
		}
		group.Wait()
		_, ok, err := cached.AuthenticateToken(t.Context(), fmt.Sprint(name, 0))
		require.NoError(t, err)
		require.True(t, ok, "%s: what was reviewed is known", name)
		if !c.more {
			ask(name + "more") // the refusal was of that moment
			inner.may <- struct{}{}
			group.Wait()
		}
	}
}

func TestTheUnknownTokensOfOneAddressLeaveRoomForOthers(t *testing.T) {
	const most, one = 4, 3
	inner := slow{make(chan string, 10), make(chan struct{})}
	reviews := newReviews(inner, most, one, 0, byName)
	all := attributed{cache.New(reviews, false, acceptedFor, refusedFor), reviews}
	ask := func(address, token string) (bool, error) {
		_, ok, err := all.AuthenticateToken(context.WithValue(t.Context(), addressKey{}, addressOf(address)), token)
		return ok, err
	}
	var group sync.WaitGroup
	begin := func(address, token string) {
		group.Go(func() {
			if ok, err := ask(address, token); err != nil || !ok {
				t.Errorf("%s: %v %v", token, ok, err)
			}
		})
		<-inner.begun
	}
	for i := range one {
		begin(fmt.Sprintf("[2001:db8::%d]:1", i), fmt.Sprint("flood-", i))
	}
	_, err := ask("[2001:db8::9]:2", "flood-more")
	require.ErrorIs(t, err, ErrBusy)
	begin("192.0.2.1:1", "study")
	_, err = ask("192.0.2.2:1", "one too many of all")
	require.ErrorIs(t, err, ErrBusy)
	for range most {
		inner.may <- struct{}{}
	}
	group.Wait()
	require.Empty(t, reviews.of)
	require.Empty(t, reviews.sent)
	require.Zero(t, reviews.all)
	ok, err := ask("[2001:db8::9]:2", "study")
	require.NoError(t, err)
	require.True(t, ok, "what was reviewed is known at any address")
}

func TestATokenThatWasAcceptedIsReviewedAlsoInAFloodOfMany(t *testing.T) {
	inner := slow{make(chan string, 10), make(chan struct{}, 10)}
	reviews := newReviews(inner, 3, 2, 1, byName)
	inner.may <- struct{}{}
	_, ok, err := reviews.AuthenticateToken(t.Context(), "study")
	require.NoError(t, err)
	require.True(t, ok)
	<-inner.begun
	var group sync.WaitGroup
	for i := range 2 {
		end := reviews.from(fmt.Sprint("192.0.2.", i), fmt.Sprint("flood-", i))
		defer end()
		group.Go(func() { _, _, _ = reviews.AuthenticateToken(t.Context(), fmt.Sprint("flood-", i)) })
		<-inner.begun
	}
	_, _, err = reviews.AuthenticateToken(t.Context(), "flood-more")
	require.ErrorIs(t, err, ErrBusy)
	group.Go(func() {
		if _, ok, err := reviews.AuthenticateToken(t.Context(), "study"); !ok || err != nil {
			t.Errorf("%v %v", ok, err)
		}
	})
	require.Equal(t, "study", <-inner.begun)
	_, _, err = reviews.AuthenticateToken(t.Context(), "study")
	require.ErrorIs(t, err, ErrBusy, "one too many of all")
	for range 3 {
		inner.may <- struct{}{}
	}
	group.Wait()
	for i := range 3 * mostKnown { // what is remembered is bounded
		reviews.accepted.note(fmt.Sprint(i), owner{1})
	}
	require.LessOrEqual(t, len(reviews.accepted.last)+len(reviews.accepted.older), 2*mostKnown)
	require.Zero(t, reviews.accepted.ownerOf("study"))
}

// A user of a guest has tokens of its own ServiceAccounts made, all of which are accepted.
func TestTheKnownTokensOfOneAddressLeaveRoomForOthers(t *testing.T) {
	reviews := newReviews(nil, 10, 2, 3, byName)
	for _, token := range []string{"study", "nurse"} {
		reviews.accepted.note(token, reviews.ownerOf(&user.DefaultInfo{Name: token}))
	}
	begun := 0
	for i := range 8 {
		token := fmt.Sprint("flood-", i)
		reviews.accepted.note(token, reviews.ownerOf(&user.DefaultInfo{Name: token}))
		defer reviews.from("192.0.2.1", token)()
		if _, may := reviews.begin(token); may {
			begun++
		}
	}
	require.Equal(t, 5, begun, "those of an address, and as many as are kept for known tokens")
	defer reviews.from("192.0.2.1", "study")()
	_, may := reviews.begin("study")
	require.False(t, may)
	defer reviews.from("192.0.2.2", "nurse")()
	_, may = reviews.begin("nurse")
	require.True(t, may)
}

// It sends them from many addresses, as many users of its own.
func TestTheKnownTokensOfOneGuestLeaveRoomForOthers(t *testing.T) {
	for what, c := range map[string]struct {
		user string // of the tokens of the flood
		want int    // reviews of them that run at a time
	}{"of one guest": {"pharma/%d", reviewsOfKnown}, "of one user": {"alice", reviewsOfKnown}, "of many": {"user-%d", mostReviews - reviewsOfKnown}} {
		reviews := newReviews(nil, mostReviews, reviewsOfAddress, reviewsOfKnown, byName)
		note := func(token, name string) { reviews.accepted.note(token, reviews.ownerOf(&user.DefaultInfo{Name: name})) }
		begin := func(address, token string) bool {
			defer reviews.from(address, token)()
			_, may := reviews.begin(token)
			return may
		}
		begun := 0
		for i := range 2 * mostReviews {
			token, name := fmt.Sprint("flood-", i), c.user
			if strings.Contains(name, "%") {
				name = fmt.Sprintf(name, i)
			}
			note(token, name)
			if begin(fmt.Sprint("192.0.2.", i%8), token) {
				begun++
			}
		}
		require.Equal(t, c.want, begun, what)
		for i := range reviewsOfAddress {
			require.True(t, begin("198.51.100.1", fmt.Sprint("new-", i)), "%s: a token that is new", what)
		}
		require.False(t, begin("192.0.2.1", "flood-0"), what)
		if c.want < mostReviews-reviewsOfKnown {
			note("nurse", "nurse")
			require.True(t, begin("198.51.100.2", "nurse"), "%s: a token of another owner", what)
		}
	}
}
