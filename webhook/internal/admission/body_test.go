package admission

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// upload is a request whose body stops after the text until it is resumed, and then ends.
type upload struct {
	text    io.Reader
	resumed chan struct{}
}

func (u *upload) Read(p []byte) (int, error) {
	n, err := u.text.Read(p)
	if err != io.EOF {
		return n, err
	}
	<-u.resumed
	return n, io.EOF
}

// start begins to send a body of the announced length, of which the text arrives, in a goroutine.
func start(wg *sync.WaitGroup, h http.Handler, length int64, text string) (finish func() *httptest.ResponseRecorder) {
	u := &upload{text: strings.NewReader(text), resumed: make(chan struct{})}
	r := httptest.NewRequest(http.MethodPost, "/mutate-v1-pod?timeout=5s", u)
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = length
	w, done := httptest.NewRecorder(), make(chan struct{})
	wg.Go(func() {
		defer close(done)
		h.ServeHTTP(w, r)
	})
	return func() *httptest.ResponseRecorder {
		close(u.resumed)
		<-done
		return w
	}
}

// TestLargeUploadsDoNotDelayPods sends more large bodies than fit. Those that do not fit are told to
// come back, an ordinary pod is admitted at once, and the budget is whole again at the end.
func TestLargeUploadsDoNotDelayPods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHandler(testConfig())
		var wg sync.WaitGroup
		var finish []func() *httptest.ResponseRecorder
		for range 64 {
			finish = append(finish, start(&wg, h, -1, strings.Repeat(" ", maxBody-1)))
		}
		synctest.Wait()
		if h.budget.large.TryAcquire(largeBudget / 2) {
			t.Error("the large uploads have not used up their budget")
		}
		responseOf(t, post(h, sampleReview(t)))
		codes := map[int]int{}
		for _, f := range finish {
			w := f()
			codes[w.Code]++
			if w.Code == http.StatusTooManyRequests {
				checkBusy(t, w)
			}
		}
		wg.Wait()
		if codes[http.StatusTooManyRequests] < 50 || codes[http.StatusBadRequest] < 2 || len(codes) != 2 {
			t.Errorf("status codes %v, want 400 for a few (blank bodies) and 429 for the rest", codes)
		}
		wantWhole(t, h)
	})
}

func checkBusy(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var status metav1.Status
	if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Retry-After") != "1" || status.Reason != metav1.StatusReasonTooManyRequests || !strings.Contains(status.Message, "retry") {
		t.Errorf("Retry-After %q: %s", w.Header().Get("Retry-After"), w.Body)
	}
}

// wantWhole checks that nothing is charged any more.
func wantWhole(t *testing.T, h *Handler) {
	t.Helper()
	if !h.budget.small.TryAcquire(smallBudget) || !h.budget.large.TryAcquire(largeBudget) {
		t.Fatal("a request that ended is still charged")
	}
	h.budget.small.Release(smallBudget)
	h.budget.large.Release(largeBudget)
}

// TestStalledUploadsCostWhatArrived opens many requests that announce much and send little.
func TestStalledUploadsCostWhatArrived(t *testing.T) {
	for _, test := range []struct {
		sent int
		most int64 // bytes that each may be charged
	}{{0, 0}, {1, firstBuffer}, {firstBuffer + 1, 2 * firstBuffer}, {100 << 10, smallShare}} {
		t.Run(fmt.Sprint(test.sent), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := testHandler(testConfig())
				var wg sync.WaitGroup
				var finish []func() *httptest.ResponseRecorder
				const clients = 100
				for range clients {
					finish = append(finish, start(&wg, h, maxBody, strings.Repeat(" ", test.sent)))
				}
				synctest.Wait()
				left := smallBudget - clients*test.most
				if !h.budget.small.TryAcquire(left) || !h.budget.large.TryAcquire(largeBudget) {
					t.Errorf("%d stalled requests that sent %d bytes each are charged more than %d each", clients, test.sent, test.most)
				} else {
					h.budget.small.Release(left)
					h.budget.large.Release(largeBudget)
				}
				for _, f := range finish {
					if w := f(); w.Code != http.StatusBadRequest {
						t.Fatalf("HTTP %d: %s", w.Code, w.Body)
					}
				}
				wantWhole(t, h)
			})
		})
	}
}

// TestWaitsForTheBudget admits a pod that arrives while the budget is used up for a short time.
func TestWaitsForTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHandler(testConfig())
		h.budget.small.TryAcquire(smallBudget)
		var wg sync.WaitGroup
		wg.Go(func() { responseOf(t, post(h, sampleReview(t))) })
		synctest.Wait()
		h.budget.small.Release(smallBudget)
		wg.Wait()
		wantWhole(t, h)
	})
}

// pipes is a net.Listener of net.Pipe connections, whose deadlines follow the time of synctest.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// TestBodyDeadline checks that a client that stalls gets a response after bodyTimeout, and that a connection can be used again after the deadline of a former request.
func TestBodyDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := pipes(make(chan net.Conn))
		server := &http.Server{Handler: testHandler(testConfig())}
		go func() { _ = server.Serve(listener) }()
		client, conn := net.Pipe()
		listener <- conn
		reader := bufio.NewReader(client)
		send := func(length int, text string) {
			fmt.Fprintf(client, "POST /?timeout=5s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length, text)
		}
		receive := func() *http.Response {
			t.Helper()
			r, err := http.ReadResponse(reader, nil)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		pod := sampleReview(t)
		send(len(pod), pod)
		if r := receive(); r.StatusCode != http.StatusOK {
			t.Errorf("HTTP %d", r.StatusCode)
		} else if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * bodyTimeout)
		send(len(pod), pod)
		if r := receive(); r.StatusCode != http.StatusOK {
			t.Errorf("HTTP %d after a pause", r.StatusCode)
		} else if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		began := time.Now()
		send(len(pod), pod[:100])
		r := receive()
		text, _ := io.ReadAll(r.Body)
		if r.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(text), bodyTimeout.String()) {
			t.Errorf("HTTP %d: %s", r.StatusCode, text)
		}
		if took := time.Since(began); took != bodyTimeout {
			t.Errorf("took %v", took)
		}
		client.Close()
		close(listener)
		server.Close()
	})
}
