package soak

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"trent/test/harness"
)

// A plan is how long the load goes on, and how often what is killed.
type plan struct {
	clients      int
	keys         int // of each client at most
	duration     time.Duration
	restartEvery time.Duration // of the service, by SIGTERM and by kill -9 in turn
	killEvery    time.Duration // of the crypto module
}

// A run is one load.
type run struct {
	plan
	t      *testing.T
	server *harness.Server
	ctx    context.Context
	cancel context.CancelFunc
	wrongs atomic.Int64

	epoch  atomic.Pointer[epoch]
	enough chan struct{} // closed when the load is to end
	// How often the module was killed, and how often it came back. While gone
	// is more than back was before a call, the call may be refused.
	gone, back atomic.Int64

	mu    sync.Mutex
	blobs []sealed // of stable keys
}

// An epoch is one life of the service.
type epoch struct {
	clients []*kms.Client // one connection each
	ending  atomic.Bool   // it is being stopped or killed
	over    chan struct{} // closed once there is another
}

// TestSoak puts mixed operations on many connections while the crypto module is
// killed and the service is restarted. No answer is wrong, no acknowledged
// write is lost, nothing but the permitted errors comes, memory stays flat, and
// the audit trail has each acknowledged mutation once.
func TestSoak(t *testing.T) {
	p := plan{clients: 64, keys: 4, duration: 20 * time.Second, restartEvery: 5 * time.Second, killEvery: 7 * time.Second}
	if harness.Soak() {
		p = plan{clients: 256, keys: 4, duration: 10 * time.Minute, restartEvery: 2 * time.Minute, killEvery: 150 * time.Second}
	}
	descriptors(t, 4*p.clients)
	r := &run{plan: p, t: t, server: harness.Start(t, "--audit", "relaxed"), enough: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(t.Context())
	defer r.cancel()
	workers := make([]*worker, p.clients)
	for i := range workers {
		workers[i] = &worker{run: r, id: i, known: model{}, mutations: map[string]string{}, succeeded: map[string]int{}}
	}
	r.epoch.Store(r.newEpoch())
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(w.work)
	}
	memory := r.kills()
	close(r.enough)
	all.Wait()
	if r.failed() {
		return
	}
	r.everyKeyIsListed(workers)
	if code := r.server.Stop(); code != 0 {
		t.Errorf("the service stops with status %d", code)
	}
	r.report(workers)
	memory.check(t)
	r.checkTrail(workers)
}

// descriptors fails the test if this process may not open enough files.
func descriptors(t *testing.T, want int) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < uint64(want) {
		t.Fatalf("this needs %d open files, the limit is %d: ulimit -n %d", want, limit.Cur, want)
	}
}

// wrong fails the test and ends the run.
func (r *run) wrong(format string, args ...any) {
	if r.wrongs.Add(1) == 1 { // what follows is its consequence
		r.t.Errorf(format, args...)
	}
	r.cancel()
}

func (r *run) failed() bool { return r.wrongs.Load() > 0 }

// callTimeout is far beyond what a call takes: one that does not end is wrong.
const callTimeout = time.Minute

// newEpoch connects the clients to the server as it runs now.
func (r *run) newEpoch() *epoch {
	e := &epoch{clients: make([]*kms.Client, r.plan.clients), over: make(chan struct{})}
	for i := range e.clients {
		e.clients[i] = r.server.Client(harness.Default, func(o *kms.Options) {
			o.HTTPClient = &http.Client{Timeout: callTimeout, Transport: &http.Transport{MaxConnsPerHost: 1}}
		})
	}
	return e
}

// kills kills and restarts at the plan's times, until its end, and watches the
// memory.
func (r *run) kills() *memory {
	m := &memory{t: r.t, server: r.server, warm: r.restartEvery / 4}
	end, restart, kill := time.After(r.duration), time.NewTicker(r.restartEvery), time.NewTicker(r.killEvery)
	look := time.NewTicker(r.duration / 600)
	defer restart.Stop()
	defer kill.Stop()
	defer look.Stop()
	m.begin()
	for n := 0; ; {
		select {
		case <-r.ctx.Done():
			return m
		case <-end:
			return m
		case <-look.C:
			m.look()
		case <-kill.C:
			r.killModule()
		case <-restart.C:
			r.restart(n%2 == 1)
			m.begin()
			n++
		}
	}
}

// restart ends the service and starts it again.
func (r *run) restart(kill bool) {
	e := r.epoch.Load()
	e.ending.Store(true)
	if kill {
		r.server.Kill()
	} else if code := r.server.Stop(); code != 0 {
		r.wrong("the service stops with status %d", code)
	}
	r.server.Restart()
	for _, c := range e.clients {
		c.Options().HTTPClient.(*http.Client).CloseIdleConnections()
	}
	r.epoch.Store(r.newEpoch())
	close(e.over)
}

// killModule kills the crypto module and waits until it is back.
func (r *run) killModule() {
	r.gone.Add(1)
	before := r.server.Module()
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		r.wrong("kill the module: %v", err)
	}
	c := r.epoch.Load().clients[0]
	if !harness.Eventually(callTimeout, func() bool {
		if now := r.server.Module(); now == 0 || now == before {
			return false
		}
		_, err := c.GenerateRandom(r.ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(1)})
		return err == nil
	}) {
		r.wrong("the module does not come back")
	}
	r.back.Add(1)
}

// share offers a ciphertext of a stable key to all clients.
func (r *run) share(s sealed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.blobs) < maxBlobs*r.plan.clients {
		r.blobs = append(r.blobs, s)
	} else {
		r.blobs[rand.N(len(r.blobs))] = s
	}
}

// shared is a ciphertext of some client's stable key.
func (r *run) shared() (sealed, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.blobs) == 0 {
		return sealed{}, false
	}
	return r.blobs[rand.N(len(r.blobs))], true
}
