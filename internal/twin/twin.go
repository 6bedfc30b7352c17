// Package twin makes trent dev what applications test against: a service that
// behaves as production does, and whose clock, faults and beginning are the
// test's to choose. It owns the node behind trent dev's listeners, puts a new one
// in its place (reset), and answers /_trent/… with the fences that docs/dev.md
// names.
//
// It must never be part of trent serve, and weakens no check of a KMS request:
// those go to the node's pipeline as everywhere. Only cmd/trent imports it.
package twin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"trent/internal/apierr"
	"trent/internal/edge"
	"trent/internal/front"
	"trent/internal/node"
	"trent/internal/twin/faults"
	"trent/internal/twin/seed"
	"trent/internal/wire"
)

// Process is the crypto module's, behind the Module of a node's Config.
type Process interface {
	// Kill ends the module as a crash does.
	Kill() error
	// Close ends the module of a node that has been closed.
	Close()
}

// Config is what a Twin is made of.
type Config struct {
	// Node is what each node is opened with; its Fault is the twin's.
	Node node.Config
	// Module is nil if the crypto module was started separately: then there is
	// no reset.
	Module Process
	// Seed is applied to each node that is opened; nil means none.
	Seed *seed.File
}

// A Twin is the service behind trent dev's listeners.
type Twin struct {
	Config
	// control lets one request to /_trent/… at a time change anything.
	control sync.Mutex
	// node is what requests go to. They hold serving for reading; who puts
	// another node there waits until they have ended, and they wait for it.
	serving sync.RWMutex
	node    *node.Node // nil after a reset that failed
	now     atomic.Pointer[func() time.Time]
	faults  *faults.Set
	gone    chan error      // capacity 1: why there is no service any more
	over    context.Context // ends with the service: nobody waits any more
	end     context.CancelFunc
}

// errGone is the answer when there is no node.
var errGone = errors.New("trent dev is ending")

// Open opens the data folder.
func Open(ctx context.Context, c Config) (*Twin, error) {
	t := &Twin{Config: c, gone: make(chan error, 1)}
	t.over, t.end = context.WithCancel(context.Background())
	var restart func(context.Context) error
	if c.Module != nil {
		restart = t.killModule
	}
	t.faults = faults.NewSet(restart)
	t.Node.Fault = t.faults.Apply
	if _, err := os.Stat(t.resetMark()); err == nil { // a reset that was cut off
		if err := t.wipe(); err != nil {
			return nil, err
		}
	}
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// open opens a node and puts it in its place. The caller holds serving, or is
// alone.
func (t *Twin) open(ctx context.Context) error {
	n, err := node.Open(ctx, t.Node)
	if err != nil {
		t.closeModule()
		return err
	}
	if err := t.sow(ctx, n); err != nil {
		err = errors.Join(err, n.Close())
		t.closeModule()
		return err
	}
	t.node = n
	t.now.Store(&n.Now)
	go func() { // ends with the node, whose module ends with it
		if err := <-n.Gone(); !errors.Is(err, context.Canceled) {
			t.fail(err)
		}
	}()
	return nil
}

// sow applies the seed to a node, with the requests that applications make. A
// key that should be gone by now goes first: the seed finds it, or it is not there.
func (t *Twin) sow(ctx context.Context, n *node.Node) error {
	if t.Seed == nil {
		return nil
	}
	if err := n.CatchUp(ctx); err != nil {
		return fmt.Errorf("before the seed: %w", err)
	}
	call := func(ctx context.Context, account, region, op, keyID string, in, out any) error {
		return caller{n.Pipeline, n.Now, account, region}.call(ctx, op, keyID, in, out)
	}
	if err := t.Seed.Apply(ctx, call); err != nil {
		return err
	}
	if err := t.setFaults(t.Seed.FaultSeed, t.Seed.Faults); err != nil {
		return fmt.Errorf("the seed's faults: %w", err)
	}
	return nil
}

// fail ends Serve.
func (t *Twin) fail(err error) {
	select {
	case t.gone <- err:
	default: // it ends already
	}
}

func (t *Twin) closeModule() {
	if t.Module != nil {
		t.Module.Close()
	}
}

// close ends the node, if there is one. The caller holds serving.
func (t *Twin) close() error {
	if t.node == nil {
		return nil
	}
	err := t.node.Close()
	t.closeModule()
	t.node = nil
	return err
}

// Close ends the service.
func (t *Twin) Close() error {
	t.faults.End()
	t.end()
	t.serving.Lock()
	defer t.serving.Unlock()
	return t.close()
}

// Now is the time that the service shows.
func (t *Twin) Now() time.Time { return (*t.now.Load())() }

// Listen answers requests on all listeners until the context ends, those to
// /_trent/… with them.
func (t *Twin) Listen(ctx context.Context, listeners ...node.Listener) error {
	for i := range listeners {
		asides := &listeners[i].Config.Asides
		*asides = append(*asides, t.aside, t.health)
	}
	return node.Serve(ctx, node.Served{Handler: t, Gone: t.gone, Ending: t.ending, Now: t.Now, Log: t.Node.Log}, listeners...)
}

// ending makes the node unready, and keeps no request waiting: not for a
// latency, and not for the jobs that a moved clock made due.
func (t *Twin) ending() {
	t.faults.End()
	t.end()
	t.serving.RLock()
	defer t.serving.RUnlock()
	if t.node != nil {
		t.node.Health.End()
	}
}

// health is the node's; during a reset the answer waits for the next one.
func (t *Twin) health(ctx context.Context, r *edge.AsideRequest) (edge.AsideAnswer, bool) {
	t.serving.RLock()
	defer t.serving.RUnlock()
	if t.node == nil {
		return edge.AsideAnswer{}, false
	}
	return t.node.HealthAside(ctx, r)
}

// Serve answers a KMS request.
func (t *Twin) Serve(ctx context.Context, r *wire.Request, dst []byte) front.Answer {
	t.serving.RLock()
	defer t.serving.RUnlock()
	if t.node == nil {
		e := apierr.New(apierr.ServiceUnavailable, "%v", errGone)
		return front.Answer{Status: wire.Status(e.Code), Body: wire.AppendError(dst, e), Close: true}
	}
	r.Received = t.node.Now() // it may have waited, and the clock is another
	return t.node.Pipeline.Serve(ctx, r, dst)
}

// resetTimeout bounds a reset, which starts a crypto module.
const resetTimeout = 30 * time.Second

// errForeignModule says that a reset is not possible.
var errForeignModule = errors.New("the crypto module was started separately (--hsm) and keeps its domains; start both again on a new folder")

// reset puts a new node on an empty folder in the old one's place. Requests that
// are under way end before, others wait. If it fails there is no service any
// more, so it goes on to its end although whoever asked has gone.
func (t *Twin) reset(ctx context.Context) error {
	if t.Module == nil {
		return errForeignModule
	}
	if err := t.setFaults(nil, nil); err != nil { // and nobody waits for their time
		return err
	}
	t.serving.Lock()
	defer t.serving.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resetTimeout)
	defer cancel()
	t.Node.Log.Info("reset: everything is as on a new folder")
	if err := t.begin(ctx); err != nil {
		t.fail(fmt.Errorf("reset: %w", err))
		return err
	}
	return nil
}

func (t *Twin) begin(ctx context.Context) error {
	if err := t.close(); err != nil {
		return err
	}
	mark, err := os.Create(t.resetMark())
	if err != nil {
		return err
	}
	if err := errors.Join(mark.Sync(), mark.Close(), t.wipe()); err != nil {
		return err
	}
	return t.open(ctx)
}

// resetMark is the file that stands in the data folder during a reset. Who
// opens a folder that has it empties the folder first: half of it may be gone.
func (t *Twin) resetMark() string { return filepath.Join(t.Node.Data, "resetting") }

// wipe removes what a service keeps in its data folder, and last the mark.
func (t *Twin) wipe() error {
	for _, name := range [...]string{"store", "audit", "module"} {
		if err := os.RemoveAll(filepath.Join(t.Node.Data, name)); err != nil {
			return err
		}
	}
	return os.Remove(t.resetMark())
}
