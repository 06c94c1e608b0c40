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

// TestLargeUploadsDoNotDelayPods sends more large bodies than fit. Those that do not fit are told
// to come back, an ordinary pod is admitted at once, and the budget is whole again at the end.
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

// connection is a client of a handler that follows the time of synctest.
type connection struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
}

func connect(t *testing.T, h http.Handler) (c *connection, closeAll func()) {
	listener, server := pipes(make(chan net.Conn)), &http.Server{Handler: h}
	go func() { _ = server.Serve(listener) }()
	client, conn := net.Pipe()
	listener <- conn
	return &connection{client, t, bufio.NewReader(client)}, func() {
		client.Close()
		close(listener)
		_ = server.Close() // the listener's error does not matter here
	}
}

// send begins a request with a body of the length, of which it sends the text.
func (c *connection) send(contentType string, length int, text string) {
	fmt.Fprintf(c, "POST /?timeout=5s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", contentType, length, text)
}

// want reads a response with a status code and a text.
func (c *connection) want(code int, text string) {
	c.t.Helper()
	r, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != code || !strings.Contains(string(body), text) {
		c.t.Errorf("HTTP %d, %v: %s; want %d with %q", r.StatusCode, err, body, code, text)
	}
}

// wantClosed checks that the server closes the connection when this time is over.
func (c *connection) wantClosed(start time.Time, after time.Duration) {
	c.t.Helper()
	if b, err := c.reader.ReadByte(); err == nil {
		c.t.Errorf("got another byte %q", b)
	}
	if took := time.Since(start); took > after+time.Second {
		c.t.Errorf("closed after %v, want %v", took, after)
	}
}

const jsonType = "application/json"

// TestBodyDeadline checks that a client that stalls gets a response after bodyTimeout, and loses
// its connection, and that the deadline of a request does not affect the next one.
func TestBodyDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHandler(testConfig())
		c, closeAll := connect(t, h)
		defer closeAll()
		pod := sampleReview(t)
		for range 2 {
			c.send(jsonType, len(pod), pod)
			c.want(http.StatusOK, sampleUID)
			time.Sleep(2 * bodyTimeout)
		}
		start := time.Now()
		c.send(jsonType, len(pod), pod[:100])
		c.want(http.StatusRequestTimeout, bodyTimeout.String())
		if took := time.Since(start); took != bodyTimeout {
			t.Errorf("took %v", took)
		}
		c.wantClosed(start, bodyTimeout)
		wantWhole(t, h)
	})
}

// TestRefusedBodyDeadline checks that a client whose request is refused cannot stall its body.
func TestRefusedBodyDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, closeAll := connect(t, testHandler(testConfig()))
		defer closeAll()
		start := time.Now()
		c.send("text/plain", 1000, "")
		c.want(http.StatusUnsupportedMediaType, "application/json")
		c.wantClosed(start, bodyTimeout)
	})
}

// TestResponseDeadline checks that a client that does not read its response is not charged for
// long.
func TestResponseDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := testHandler(testConfig())
		c, closeAll := connect(t, h)
		defer closeAll()
		pod := sampleReview(t)
		c.send(jsonType, len(pod), pod)
		synctest.Wait()
		if h.budget.small.TryAcquire(smallBudget) {
			t.Fatal("the request is not charged while its response is sent")
		}
		time.Sleep(writeTimeout)
		synctest.Wait()
		wantWhole(t, h)
	})
}
