package annotations

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/azure-cert-sync/azure-cert-sync/sidecar/contract"
)

func account(namespace, name, clientID string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: "u", Labels: map[string]string{"a": "b"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}},
		Annotations:   map[string]string{contract.AnnotationClientID: clientID, "meta.helm.sh/release-name": "x"},
	}}
}

func found(clientID string) map[string]string {
	return map[string]string{contract.AnnotationClientID: clientID}
}

var errNotFound = apierrors.NewNotFound(schema.GroupResource{Resource: "serviceaccounts"}, "x")

// noReads returns a Reader that fails the test when it is called.
func noReads(t *testing.T) Reader {
	return func(context.Context, string, string) (*metav1.PartialObjectMetadata, error) {
		t.Error("the object was read from the API server instead of the cache")
		return nil, errNotFound
	}
}

func TestStripKeepsOurAnnotationsOnly(t *testing.T) {
	o := account("ns", "web", "c")
	o.Annotations[contract.Prefix+contract.KeyCertificates] = "https://a-vault.vault.azure.net/secrets/b"
	Strip(o)
	want := metav1.ObjectMeta{Namespace: "ns", Name: "web", Annotations: map[string]string{
		contract.AnnotationClientID:                "c",
		contract.Prefix + contract.KeyCertificates: "https://a-vault.vault.azure.net/secrets/b",
	}}
	if diff := cmp.Diff(want, o.ObjectMeta); diff != "" {
		t.Error(diff)
	}
}

func TestStripKeepsThePodSecurityLevel(t *testing.T) {
	o := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "team", Labels: map[string]string{
		LabelPodSecurity: "restricted", "pod-security.kubernetes.io/warn": "baseline",
	}}}
	Strip(o)
	want := metav1.ObjectMeta{Name: "team", Annotations: map[string]string{LabelPodSecurity: "restricted"}}
	if diff := cmp.Diff(want, o.ObjectMeta); diff != "" {
		t.Error(diff)
	}
}

func TestCacheFollowsChanges(t *testing.T) {
	c := NewCache()
	l := NewLookup("service account", c, noReads(t))
	get := func(name string, want map[string]string) {
		t.Helper()
		got, err := l.Annotations(t.Context(), "ns", name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
	strip := func(o *metav1.PartialObjectMetadata) *metav1.PartialObjectMetadata { Strip(o); return o }

	select {
	case <-c.Synced():
		t.Fatal("synced before the first list")
	default:
	}
	plain := strip(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "plain"}})
	c.Replace([]*metav1.PartialObjectMetadata{strip(account("ns", "web", "1")), plain, strip(account("other", "web", "2"))})
	<-c.Synced()
	get("web", found("1"))
	get("plain", nil)
	c.Set(strip(account("ns", "web", "3")))
	c.Set(strip(account("ns", "new", "4")))
	get("web", found("3"))
	get("new", found("4"))
	if c.Len() != 4 {
		t.Errorf("got %d objects, want 4", c.Len())
	}
	c.Replace([]*metav1.PartialObjectMetadata{plain})
	get("plain", nil)
	c.Delete(plain)
	if c.Len() != 0 {
		t.Errorf("got %d objects after all were deleted, want 0", c.Len())
	}
}

func TestConcurrentCallersShareOneRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		l := NewLookup("service account", NewCache(), func(_ context.Context, namespace, name string) (*metav1.PartialObjectMetadata, error) {
			reads.Add(1)
			time.Sleep(100 * time.Millisecond)
			return account(namespace, name, "1"), nil
		})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				got, err := l.Annotations(t.Context(), "ns", "web")
				if diff := cmp.Diff(found("1"), got); diff != "" || err != nil {
					t.Error(err, diff)
				}
			})
		}
		wg.Wait()
		if n := reads.Load(); n != 1 {
			t.Errorf("got %d reads for 50 callers, want 1", n)
		}
	})
}

func TestWaitsForAnAccountThatIsBeingCreated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		created := time.Now().Add(300 * time.Millisecond)
		l := NewLookup("service account", NewCache(), func(_ context.Context, namespace, name string) (*metav1.PartialObjectMetadata, error) {
			if time.Now().Before(created) {
				return nil, errNotFound
			}
			return account(namespace, name, "1"), nil
		})
		got, err := l.Annotations(t.Context(), "ns", "web")
		if diff := cmp.Diff(found("1"), got); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

func TestMissingAccountFailsAfterTheGracePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		l := NewLookup("service account", NewCache(), func(context.Context, string, string) (*metav1.PartialObjectMetadata, error) {
			reads++
			return nil, errNotFound
		})
		start := time.Now()
		_, err := l.Annotations(t.Context(), "ns", "web")
		var notFound *NotFoundError
		if !errors.As(err, &notFound) || err.Error() != `service account "web" does not exist in namespace "ns"` {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took > gracePeriod || reads > 10 {
			t.Errorf("got %d reads in %v, want at most 10 in %v", reads, took, gracePeriod)
		}
	})
}

func TestOtherErrorsAreNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := fmt.Errorf("connection refused")
		l := NewLookup("namespace", NewCache(), func(context.Context, string, string) (*metav1.PartialObjectMetadata, error) {
			return nil, cause
		})
		_, err := l.Annotations(t.Context(), "", "team")
		var notFound *NotFoundError
		if !errors.Is(err, cause) || errors.As(err, &notFound) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCancelledCallerDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLookup("service account", NewCache(), func(ctx context.Context, namespace, name string) (*metav1.PartialObjectMetadata, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Second):
				return account(namespace, name, "1"), nil
			}
		})
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := l.Annotations(short, "ns", "web"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the caller with the short deadline got %v, want its deadline error", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			got, err := l.Annotations(t.Context(), "ns", "web")
			if diff := cmp.Diff(found("1"), got); diff != "" || err != nil {
				t.Error(err, diff)
			}
		})
		wg.Wait()
	})
}

func TestSlowAPIServerEndsAtTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLookup("service account", NewCache(), func(ctx context.Context, _, _ string) (*metav1.PartialObjectMetadata, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		start := time.Now()
		if _, err := l.Annotations(t.Context(), "ns", "web"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != readTimeout {
			t.Errorf("took %v, want %v", took, readTimeout)
		}
	})
}
