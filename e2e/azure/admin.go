package azure

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// The admin API has one call for each method of [Control]: POST /v1/NAME with the method's
// arguments as a JSON object. The response is 200 with the result as JSON, or 400 for [ErrInvalid],
// 404 for [ErrNotFound] and 408 for an Await that gave up, with {"error":"..."}. GET /healthz
// returns 200.

// Arguments and results of the calls that are not defined elsewhere.
type (
	empty       struct{}
	clientIDArg struct{ ClientID string }
	setEnabled  struct {
		SecretRef
		Enabled bool
	}
	faultID  struct{ ID string }
	faultIDs struct{ IDs []string }
	cutOff   struct {
		Host string
		Off  bool
	}
	present  struct{ Host, Certificate string }
	awaitArg struct {
		Filter
		N int
	}
	versionList  struct{ Versions []Version }
	requestsList struct{ Requests []Request }
)

// AdminHandler serves the admin API for [AdminClient]. It has no authentication:
// serve it on loopback or inside a test cluster only.
func (e *Emulator) AdminHandler() http.Handler { return adminHandler(e) }

func adminHandler(c Control) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	handle(mux, "apply", noResult(c.Apply))
	handle(mux, "delete-application", noResult(func(ctx context.Context, a clientIDArg) error {
		return c.DeleteApplication(ctx, a.ClientID)
	}))
	handle(mux, "revoke", noResult(c.Revoke))
	handle(mux, "create-certificate", c.CreateCertificate)
	handle(mux, "create-secret", c.CreateSecret)
	handle(mux, "renew", c.Renew)
	handle(mux, "versions", func(ctx context.Context, ref SecretRef) (versionList, error) {
		list, err := c.Versions(ctx, ref)
		return versionList{list}, err
	})
	handle(mux, "set-enabled", noResult(func(ctx context.Context, a setEnabled) error {
		return c.SetEnabled(ctx, a.SecretRef, a.Enabled)
	}))
	handle(mux, "delete", noResult(c.Delete))
	handle(mux, "inject-fault", func(ctx context.Context, f Fault) (faultID, error) {
		id, err := c.InjectFault(ctx, f)
		return faultID{id}, err
	})
	handle(mux, "clear-faults", noResult(func(ctx context.Context, a faultIDs) error { return c.ClearFaults(ctx, a.IDs...) }))
	handle(mux, "cut-off", noResult(func(ctx context.Context, a cutOff) error { return c.CutOff(ctx, a.Host, a.Off) }))
	handle(mux, "present", noResult(func(ctx context.Context, a present) error { return c.Present(ctx, a.Host, a.Certificate) }))
	handle(mux, "confidential", func(ctx context.Context, _ empty) (Confidential, error) { return c.Confidential(ctx) })
	handle(mux, "requests", func(ctx context.Context, f Filter) (requestsList, error) {
		list, err := c.Requests(ctx, f)
		return requestsList{list}, err
	})
	handle(mux, "counts", c.Counts)
	handle(mux, "await", func(ctx context.Context, a awaitArg) (requestsList, error) {
		list, err := c.Await(ctx, a.Filter, a.N)
		return requestsList{list}, err
	})
	handle(mux, "forget-requests", noResult(func(ctx context.Context, _ empty) error { return c.ForgetRequests(ctx) }))
	handle(mux, "roots", func(ctx context.Context, _ empty) (Roots, error) { return c.Roots(ctx) })
	return mux
}

func noResult[In any](f func(context.Context, In) error) func(context.Context, In) (empty, error) {
	return func(ctx context.Context, in In) (empty, error) { return empty{}, f(ctx, in) }
}

// handle turns a function into a call of the API.
func handle[In, Out any](mux *http.ServeMux, name string, f func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, r *http.Request) {
		// Reads the body to its end, so that r.Context() ends when the client disconnects.
		body := http.MaxBytesReader(w, r.Body, maxBody)
		defer func() { _, _ = io.Copy(io.Discard, body) }()
		var in In
		if err := decodeStrict(body, &in); err != nil {
			reply(w, http.StatusBadRequest, adminError{err.Error()})
			return
		}
		out, err := f(r.Context(), in)
		switch {
		case err == nil:
			reply(w, http.StatusOK, out)
		case errors.Is(err, ErrInvalid):
			reply(w, http.StatusBadRequest, adminError{err.Error()})
		case errors.Is(err, ErrNotFound):
			reply(w, http.StatusNotFound, adminError{err.Error()})
		case r.Context().Err() != nil:
			reply(w, http.StatusRequestTimeout, adminError{err.Error()})
		default:
			reply(w, http.StatusInternalServerError, adminError{err.Error()})
		}
	})
}

type adminError struct {
	Error string `json:"error"`
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may have disconnected
}
