package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

const (
	bigObjects = 300
	bigSize    = 250 << 10
)

// listServer is an API server without streaming lists that has bigObjects service accounts, each
// with bigSize bytes of annotations. As the real one, it ignores the limit for resource version "0".
//
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
type listServer struct {
	largest atomic.Int64 // objects in one response
	peak    atomic.Int64 // bytes of live heap at the begin of a request
}

func (s *listServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.Header().Set("Content-Type", "application/json")
	if q.Get("watch") != "" {
		if q.Get("sendInitialEvents") != "" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,"message":"sendInitialEvents is forbidden"}`)
			return
		}
		<-r.Context().Done()
		return
	}
	s.peak.Store(max(s.peak.Load(), liveHeap()))
	first, _ := strconv.Atoi(q.Get("continue"))
	limit, _ := strconv.Atoi(q.Get("limit"))
	next := bigObjects
	if limit > 0 && q.Get("resourceVersion") != "0" {
		next = min(first+limit, bigObjects)
	}
	s.largest.Store(max(s.largest.Load(), int64(next-first)))
	more := ""
	if next < bigObjects {
		more = strconv.Itoa(next)
	}
	fmt.Fprintf(w, `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"5","continue":%q},"items":[`, more)
	for i := first; i < next; i++ {
		if i > first {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"namespace":"n","name":"a%d","annotations":{"zz":"`, i)
		_, _ = io.WriteString(w, bigText)
		fmt.Fprint(w, `"}}}`)
	}
	fmt.Fprint(w, `]}`)
}

var bigText = strings.Repeat("x", bigSize)

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// sinkFunc is a Sink for the first list.
type sinkFunc func([]*metav1.PartialObjectMetadata)

func (f sinkFunc) Replace(list []*metav1.PartialObjectMetadata) { f(list) }
func (sinkFunc) Set(*metav1.PartialObjectMetadata)              {}
func (sinkFunc) Delete(*metav1.PartialObjectMetadata)           {}

// TestListOfBigObjects lists 75 MB of annotations. Only a page of them is ever in memory.
func TestListOfBigObjects(t *testing.T) {
	s := &listServer{}
	server := httptest.NewServer(s)
	defer server.Close()
	c, err := newClient(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	listed := make(chan int, 1)
	strip := func(o *metav1.PartialObjectMetadata) { o.ObjectMeta = metav1.ObjectMeta{Name: o.Name} }
	before := liveHeap()
	go Follow(ctx, c.MetadataSource(ServiceAccounts, metav1.ListOptions{}, strip), sinkFunc(func(list []*metav1.PartialObjectMetadata) {
		listed <- len(list)
	}))
	if n := <-listed; n != bigObjects {
		t.Errorf("%d objects, want %d", n, bigObjects)
	}
	if n := s.largest.Load(); n > 50 {
		t.Errorf("%d objects in one response: %d MiB", n, n*bigSize>>20)
	}
	// At the begin of a request, a former page may still be alive.
	if live := s.peak.Load() - before; live > 40<<20 {
		t.Errorf("%d MiB of live heap", live>>20)
	}
}
