package admission

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// maxBody bounds a request: an object is at most 3 MiB, and the request may contain two and
	// some metadata.
	maxBody = 7 << 20
	// bodyTimeout is how long a client may take to send the body. It is not extended by data that
	// trickles in, only by the time that the request waits for the budget.
	bodyTimeout = 2 * time.Second
	// firstRead is read before a request takes memory, so a client that sends nothing costs nothing.
	firstRead = 64
	// firstBuffer is the capacity of a new body buffer.
	firstBuffer = 8 << 10
)

// buffers are the memory that one admission uses.
type buffers struct{ body, patch, response []byte }

func (b *buffers) capacity() int { return cap(b.body) + cap(b.patch) + cap(b.response) }

// bodyReader reads the body of one request, in time and within the budget.
type bodyReader struct {
	ctx      context.Context
	body     io.Reader
	length   int64 // the announced length, or -1
	control  *http.ResponseController
	deadline time.Time
	charge   *charge
	first    [firstRead]byte
}

// newBodyReader sets the deadline for reading from the connection. It also ends the reading of what
// is left of a body after an error, which net/http does to use the connection again.
func newBodyReader(ctx context.Context, w http.ResponseWriter, r *http.Request, c *charge) *bodyReader {
	b := &bodyReader{
		ctx: ctx, body: http.MaxBytesReader(w, r.Body, maxBody), length: r.ContentLength,
		control: http.NewResponseController(w), deadline: time.Now().Add(bodyTimeout), charge: c,
	}
	b.setDeadline(b.deadline)
	return b
}

// read returns buffers from the pool with the whole body. Each capacity is charged before it is
// used. The buffers are nil if the client sent nothing.
func (r *bodyReader) read(pool *sync.Pool) (*buffers, error) {
	n, err := io.ReadAtLeast(r.body, r.first[:], 1)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b := pool.Get().(*buffers)
	if err := r.take(b.capacity()); err != nil {
		pool.Put(b)
		return nil, err
	}
	if b.body = b.body[:0]; cap(b.body) < firstRead {
		if err := r.grow(&b.body); err != nil {
			return b, err
		}
	}
	b.body = append(b.body, r.first[:n]...)
	return b, r.readRest(&b.body)
}

func (r *bodyReader) readRest(body *[]byte) error {
	for {
		if len(*body) == cap(*body) {
			if err := r.grow(body); err != nil {
				return err
			}
		}
		n, err := r.body.Read((*body)[len(*body):cap(*body)])
		*body = (*body)[:len(*body)+n]
		if errors.Is(err, io.EOF) {
			// A deadline that is still set would end the context of the request.
			r.setDeadline(time.Time{})
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// grow doubles the capacity of a full buffer, but not above the announced length. The capacity
// follows what has arrived, because a client may announce much and send little.
func (r *bodyReader) grow(body *[]byte) error {
	size := int64(max(2*cap(*body), firstBuffer))
	if r.length >= 0 {
		size = min(size, r.length+bytes.MinRead)
	}
	size = min(size, maxBody+bytes.MinRead)
	if err := r.take(int(size) - cap(*body)); err != nil {
		return err
	}
	grown := make([]byte, len(*body), size)
	copy(grown, *body)
	*body = grown
	return nil
}

// take charges n bytes. The client's time does not include the wait for them.
func (r *bodyReader) take(n int) error {
	waited := r.charge.waited
	err := r.charge.add(r.ctx, int64(n))
	if more := r.charge.waited - waited; more > 0 {
		r.deadline = r.deadline.Add(more)
		r.setDeadline(r.deadline)
	}
	return err
}

// setDeadline sets the deadline for reading from the connection.
func (r *bodyReader) setDeadline(t time.Time) {
	if r.control != nil && r.control.SetReadDeadline(t) != nil {
		r.control = nil // a ResponseWriter without a connection, as in tests and WarmUp
	}
}

// failRead responds to a request whose body could not be read.
func failRead(w http.ResponseWriter, err error) outcome {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return fail(w, http.StatusRequestEntityTooLarge, metav1.StatusReasonRequestEntityTooLarge,
			fmt.Sprintf("the request is larger than %d bytes", maxBody))
	case errors.Is(err, errBusy):
		return failBusy(w, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return fail(w, http.StatusRequestTimeout, metav1.StatusReasonTimeout,
			fmt.Sprintf("the request body did not arrive within %v: check the network between the API server and the webhook", bodyTimeout))
	}
	return fail(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, "reading the request: "+err.Error())
}

// failBusy responds that the request may be sent again. The API server's client does this by
// itself within the timeout of the webhook, after the seconds of Retry-After.
//
// Source: k8s.io/client-go/rest/with_retry.go
func failBusy(w http.ResponseWriter, err error) outcome {
	w.Header().Set("Retry-After", "1")
	return fail(w, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, err.Error())
}
