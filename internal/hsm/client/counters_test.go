package client_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
)

// TestRoundTripsAreTold: each answered call is told with its lane and its time,
// whatever the answer is; one that is given up or lost is not, and no call
// counts as waiting once it is over.
func TestRoundTripsAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type trip struct {
			slow bool
			took time.Duration
		}
		var trips []trip
		p, conn := newPeer(t, info)
		c := running(t, &conns{conn}, noHook, func(c *client.Client) {
			c.RoundTrip = func(slow bool, took time.Duration) { trips = append(trips, trip{slow, took}) }
		})
		hello := len(trips)
		expect := func(fast, slow int64) {
			t.Helper()
			if n := c.Counters(); n.Fast != fast || n.Slow != slow || n.Connections != 1 {
				t.Errorf("%+v, want %d fast and %d slow ones waiting", n, fast, slow)
			}
		}
		call := func(ctx context.Context, command proto.Command) chan struct{} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = do(ctx, c, command, nil)
			}()
			return done
		}
		fast, slow := call(t.Context(), proto.CmdEncrypt), call(t.Context(), proto.CmdLoadDomain)
		requests := map[proto.Command]uint64{}
		for range 2 {
			r := <-p.requests
			requests[proto.Command(r.Code)] = r.ID
		}
		expect(1, 1)
		time.Sleep(3 * time.Millisecond)
		p.answer(requests[proto.CmdEncrypt], proto.StatusOK, nil)
		<-fast
		expect(0, 1)
		time.Sleep(4 * time.Millisecond)
		p.answer(requests[proto.CmdLoadDomain], proto.StatusBusy, nil)
		<-slow
		expect(0, 0)

		ctx, cancel := context.WithCancel(t.Context())
		abandoned := call(ctx, proto.CmdEncrypt)
		<-p.requests
		cancel()
		<-abandoned
		expect(0, 0)
		lost := call(t.Context(), proto.CmdEncrypt)
		<-p.requests
		p.conn.Close()
		<-lost
		expect(0, 0)
		if want := []trip{{false, 3 * time.Millisecond}, {true, 7 * time.Millisecond}}; !slices.Equal(trips[hello:], want) {
			t.Errorf("%v, want %v", trips[hello:], want)
		}
	})
}
