package client

import (
	"context"
	"time"

	"trent/internal/hsm/proto"
)

// maxKept is the largest buffer that goes back to the pool.
const maxKept = 16 << 10

// Call is one request and its answer. Its use, in this order, by one goroutine:
//
//	call := c.Start(proto.CmdEncrypt)
//	defer call.Done()
//	call.Frame = request.Append(call.Frame)
//	answer, err := call.Do(ctx)
//
// It allocates nothing once the pool is warm.
type Call struct {
	// Frame is where the request's message is appended.
	Frame []byte

	client   *Client
	command  proto.Command
	id       uint64
	answered chan struct{} // one element: the answer is in Frame, or the connection lost
	status   proto.Status
	lost     bool
}

// Start begins a call of command.
func (c *Client) Start(command proto.Command) *Call {
	call := c.calls.Get().(*Call)
	call.command = command
	call.Frame = proto.AppendHeader(call.Frame[:0], 0, uint8(command))
	return call
}

// Do sends the request and waits for the answer, which is valid until Done.
// The error is ErrUnavailable, ctx's error (then a late answer is dropped and
// wiped), proto.ErrMalformed for a request that no frame can hold, or the
// proto.Status that the module answered (StatusMute as an ErrUnavailable).
func (c *Call) Do(ctx context.Context) (answer []byte, err error) {
	if !proto.EndFrame(c.Frame) {
		return nil, proto.ErrMalformed
	}
	l, err := c.client.admit(ctx, c.command)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.wait(ctx, l); err != nil {
		return nil, err
	}
	switch {
	case c.lost:
		return nil, ErrUnavailable
	case c.status == proto.StatusMute:
		return nil, errMute
	case c.status != proto.StatusOK:
		return nil, c.status
	}
	return c.Frame, nil
}

// wait sends the request and waits until it is answered, the connection is
// lost (then c.lost is set) or ctx ends, whose error it returns.
func (c *Call) wait(ctx context.Context, l *link) error {
	slow := c.command.Slow()
	waiting := c.client.counters.waiting(slow)
	waiting.Add(1)
	defer waiting.Add(-1)
	sent := time.Since(c.client.epoch)
	if !l.send(c) {
		return ErrUnavailable
	}
	if done := ctx.Done(); done == nil {
		<-c.answered
	} else {
		select {
		case <-c.answered:
		case <-done:
			if l.abandon(c) {
				return ctx.Err()
			}
			<-c.answered
		}
	}
	if observe := c.client.RoundTrip; observe != nil && !c.lost {
		observe(slow, time.Since(c.client.epoch)-sent)
	}
	return nil
}

// Done wipes request and answer and ends the call.
func (c *Call) Done() {
	clear(c.Frame)
	if cap(c.Frame) > maxKept {
		c.Frame = nil
	}
	c.lost = false
	c.client.calls.Put(c)
}

// deliver puts an answer in the request's place and wakes the waiter.
func (c *Call) deliver(f proto.Frame) {
	clear(c.Frame)
	c.status = proto.Status(f.Code)
	c.Frame = append(c.Frame[:0], f.Message...)
	c.answered <- struct{}{}
}

// fail wakes the waiter without an answer.
func (c *Call) fail() {
	c.lost = true
	c.answered <- struct{}{}
}
