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

// challengeGate orders the first requests to a vault so that they take the least time.
//
// By default, the SDK's client sends its first request without a token, learns from the response
// (the challenge) which token it needs, gets the token in two more round trips, and sends the
// request again. That is four round trips, and every request that starts in the meantime gets a
// challenge, too. But the scope of the token is already known from the vault's host name. So the
// gate lets the first request pass at once, fetches the token at the same time, and holds all other
// requests until both are done. That is three round trips and one challenge.
type challengeGate struct {
	credential azcore.TokenCredential
	// scope is empty for a vault of an unknown cloud. The token is then fetched after the
	// challenge.
	scope string

	mu    sync.Mutex
	open  bool          // requests pass without waiting
	first *firstRequest // the first request, while it is in progress
}

// firstRequest is the state of the first request.
type firstRequest struct {
	tokenDone chan struct{} // closed when there is a token or err is set
	err       error

	challenged     chan struct{} // closed when the challenge was read, or the first request has ended
	challengedOnce sync.Once
}

func newChallengeGate(vaultURL string, credential azcore.TokenCredential) *challengeGate {
	return &challengeGate{credential: credential, scope: scope(vaultURL)}
}

// scope returns the token's scope for a vault of a known cloud, or an empty string.
func scope(vaultURL string) string {
	_, suffix, _ := strings.Cut(strings.ToLower(vaultURL), ".")
	for _, known := range contract.DefaultVaultSuffixes() {
		if suffix == known {
			return "https://" + known + "/.default"
		}
	}
	return ""
}

// enter returns when the caller may send its request. The caller calls leave afterwards. The error
// is that of the token request or of ctx.
func (g *challengeGate) enter(ctx context.Context) (leave func(), err error) {
	g.mu.Lock()
	if g.open {
		g.mu.Unlock()
		return func() {}, nil
	}
	if g.first == nil {
		first := &firstRequest{tokenDone: make(chan struct{}), challenged: make(chan struct{})}
		g.first = first
		g.mu.Unlock()
		if g.scope != "" {
			go g.fetchToken(ctx, first)
		}
		return func() { g.finish(first) }, nil
	}
	first := g.first
	g.mu.Unlock()
	for _, event := range []<-chan struct{}{first.tokenDone, first.challenged} {
		select {
		case <-event:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return func() {}, first.err
}

// fetchToken requests exactly the token that the SDK's client will request, so that the client
// finds it in the credential's cache.
func (g *challengeGate) fetchToken(ctx context.Context, first *firstRequest) {
	defer close(first.tokenDone)
	_, first.err = g.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{g.scope}, EnableCAE: true})
}

// finish ends the first request. If it was challenged and there is a token, the gate opens.
func (g *challengeGate) finish(first *firstRequest) {
	challenged := first.wasChallenged()
	first.markChallenged()
	if g.scope == "" {
		close(first.tokenDone)
	}
	<-first.tokenDone
	g.mu.Lock()
	defer g.mu.Unlock()
	g.first = nil
	g.open = challenged && first.err == nil
}

func (f *firstRequest) markChallenged() { f.challengedOnce.Do(func() { close(f.challenged) }) }

func (f *firstRequest) wasChallenged() bool {
	select {
	case <-f.challenged:
		return true
	default:
		return false
	}
}

// Do implements policy.Policy, between the SDK's client and the vault. It detects that the client
// has read the challenge, and refuses a challenge that Key Vault would not send.
func (g *challengeGate) Do(req *policy.Request) (*http.Response, error) {
	if req.Raw().Header.Get("Authorization") != "" {
		g.challengeRead()
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

// challengeRead lets the waiting requests pass. It is called when the first request is sent again
// with a token, because only then has the SDK's client read the challenge. When the challenge
// itself arrives, the client has not read it yet.
func (g *challengeGate) challengeRead() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.first != nil {
		g.first.markChallenged()
	}
}
