package apiserving

import (
	"context"
	"errors"

	"k8s.io/apiserver/pkg/authentication/authenticator"
)

// mostReviews bounds the tokens that are reviewed at a time. Their requests wait with headers and all, and anyone may send tokens.
const mostReviews = 256

// reviews has an authenticator review so many tokens at a time, and refuses what is more. It is safe for concurrent use.
type reviews struct {
	by   authenticator.Token
	turn chan struct{}
}

func newReviews(by authenticator.Token, most int) reviews {
	return reviews{by, make(chan struct{}, most)}
}

// AuthenticateToken implements authenticator.Token.
func (r reviews) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
		return r.by.AuthenticateToken(ctx, token)
	default:
		return nil, false, errors.New("too many tokens are reviewed at the moment; try again")
	}
}
