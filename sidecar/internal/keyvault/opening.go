package keyvault

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

// opening lets the first requests of a vault's client through in the order that takes the least time.
//
// Left alone, the SDK's client sends its first request without a token, learns from the answer (the
// challenge) which one to get, gets it in two further round trips, and sends the request again: four
// round trips, and every request that starts meanwhile is challenged on its own. But which token it will
// be is known from the vault's name. So the first request goes at once, the token is fetched at the same
// time, and all others wait for both: three round trips, and one challenge.
type opening struct {
	credential azcore.TokenCredential
	// scope is empty for a vault of an unknown cloud, where the challenge must be waited for.
	scope string

	mu      sync.Mutex
	open    bool
	current *attempt
}

// attempt is the first request, under way.
type attempt struct {
	token chan struct{} // closed when the token is there, or err says why not
	err   error

	challenged chan struct{} // closed when the vault's challenge was read, or the first request is over
	once       sync.Once
}

func newOpening(vaultURL string, credential azcore.TokenCredential) *opening {
	return &opening{credential: credential, scope: scope(vaultURL)}
}

// scope returns the token's scope for a vault of a known cloud.
func scope(vaultURL string) string {
	_, suffix, _ := strings.Cut(strings.ToLower(vaultURL), ".")
	for _, known := range contract.DefaultVaultSuffixes() {
		if suffix == known {
			return "https://" + known + "/.default"
		}
	}
	return ""
}

// enter returns when the caller's request may go. The caller calls leave after it. The error is that of
// the token request, or the context's.
func (o *opening) enter(ctx context.Context) (leave func(), err error) {
	o.mu.Lock()
	if o.open {
		o.mu.Unlock()
		return func() {}, nil
	}
	if o.current == nil {
		a := &attempt{token: make(chan struct{}), challenged: make(chan struct{})}
		o.current = a
		o.mu.Unlock()
		if o.scope != "" {
			go o.fetchToken(ctx, a)
		}
		return func() { o.finish(a) }, nil
	}
	a := o.current
	o.mu.Unlock()
	for _, event := range []<-chan struct{}{a.token, a.challenged} {
		select {
		case <-event:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return func() {}, a.err
}

// fetchToken asks for exactly the token that the SDK's client will ask for, so that it finds this one.
func (o *opening) fetchToken(ctx context.Context, a *attempt) {
	defer close(a.token)
	_, a.err = o.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{o.scope}, EnableCAE: true})
}

// finish ends the first request: from now on requests go as they come, unless there is no token.
func (o *opening) finish(a *attempt) {
	seen := a.seen()
	a.answer()
	if o.scope == "" {
		close(a.token)
	}
	<-a.token
	o.mu.Lock()
	defer o.mu.Unlock()
	o.current = nil
	o.open = seen && a.err == nil
}

func (a *attempt) answer() { a.once.Do(func() { close(a.challenged) }) }

func (a *attempt) seen() bool {
	select {
	case <-a.challenged:
		return true
	default:
		return false
	}
}

// Do is the policy between the SDK's client and the vault: it notes that the challenge was read, and refuses one that no
// vault would make.
func (o *opening) Do(req *policy.Request) (*http.Response, error) {
	if req.Raw().Header.Get("Authorization") != "" {
		o.answered()
	}
	resp, err := req.Next()
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	if header := resp.Header.Get("WWW-Authenticate"); header != "" {
		if err := parseChallenge(header).check(req.Raw().URL.Host); err != nil {
			return nil, err
		}
	}
	return resp, nil
}

// answered lets the others go: the first request comes again, with a token, so that the SDK's client has read the challenge.
// When the challenge itself is seen here, the client has not yet.
func (o *opening) answered() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.current != nil {
		o.current.answer()
	}
}
