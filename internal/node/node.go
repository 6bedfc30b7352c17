// Package node puts the parts of one service together: store, audit trail,
// crypto module, pipeline and jobs, in the order in which they depend on each
// other, and takes them apart in the reverse one. It holds no logic of its
// own. Only cmd/trent and the tests that need a whole service import it.
package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"trent/internal/audit"
	"trent/internal/domains"
	"trent/internal/edge"
	"trent/internal/front"
	"trent/internal/hsm/client"
	hsmidentity "trent/internal/hsm/client/identity"
	hsmjobs "trent/internal/hsm/client/jobs"
	"trent/internal/hsm/client/use"
	"trent/internal/identity"
	"trent/internal/jobs"
	"trent/internal/keydir"
	"trent/internal/ops/aliases"
	"trent/internal/ops/cipher"
	"trent/internal/ops/keys"
	"trent/internal/ops/policies"
	"trent/internal/ops/tags"
	"trent/internal/record"
	"trent/internal/service"
	"trent/internal/store/sqlite"
)

// partition of every ARN.
const partition = "aws"

// shutdownTimeout is how long running requests may take to end.
const shutdownTimeout = 10 * time.Second

// Config is what a node is made of.
type Config struct {
	// Data is the folder of everything that the service keeps.
	Data string
	// Dev marks a new data folder, and accepts well-known credentials.
	Dev bool
	// Audit says when an answer may leave.
	Audit audit.Mode
	// Module is where connections to the crypto module come from. fresh says
	// that the data folder holds no domain yet, so that a module key file may
	// be made: what a lost one sealed is never replaced silently.
	Module func(fresh bool) (client.Source, error)
	// RotateEvery is the interval of domain key rotations.
	RotateEvery time.Duration
	// Now is the clock of jobs and of what records and answers say; nil means
	// time.Now. Who sets it forward calls Wake. Signatures, and with them the day
	// keys, go by the system's clock always.
	Now func() time.Time
	Log *slog.Logger
}

// A Node is one running service.
type Node struct {
	Config
	// Pipeline serves requests; internal/edge brings them from the network.
	Pipeline *front.Pipeline
	// Domains holds the Regions.
	Domains *domains.Manager

	store    *sqlite.Store
	trail    *audit.Trail
	outbox   *audit.Outbox
	module   *client.Client
	identity *identity.Directory
	keys     *keydir.Dir
	due      *jobs.Scheduler
	ended    chan error // why the module does not run any more, for good
	stop     []func()   // ends what Open started, last first
}

// Open opens the data folder, starts the module and waits until it is unsealed.
// If it fails it has closed everything.
func Open(ctx context.Context, c Config) (n *Node, err error) {
	n = &Node{Config: c}
	if n.Now == nil {
		n.Now = time.Now
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
			n = nil
		}
	}()
	if err := n.openStore(ctx); err != nil {
		return n, err
	}
	if err := n.startModule(ctx); err != nil {
		return n, err
	}
	if err := n.openTrail(ctx); err != nil { // the outbox's rows have MACs, whose keys the module releases
		return n, err
	}
	n.assemble()
	n.start(n.due.Run)
	n.start(func(ctx context.Context) {
		(&jobs.Rotation{Domains: n.Domains, Ready: n.module.Ready, Every: c.RotateEvery, Now: n.Now, Log: c.Log}).Run(ctx)
	})
	return n, nil
}

// start runs f in the background until Close.
func (n *Node) start(f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	n.stop = append(n.stop, func() { cancel(); <-done })
}

// Close ends everything in the reverse order of its start.
func (n *Node) Close() error {
	for i := len(n.stop) - 1; i >= 0; i-- {
		n.stop[i]()
	}
	n.stop = nil
	var errs []error
	if n.trail != nil {
		errs = append(errs, n.trail.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}

func (n *Node) openStore(ctx context.Context) (err error) {
	if err := ownFolder(n.Data); err != nil {
		return err
	}
	n.store, err = sqlite.Open(ctx, filepath.Join(n.Data, "store"), sqlite.Options{Logger: n.Log})
	if err != nil {
		return fmt.Errorf("open the store in %s: %w", n.Data, err)
	}
	n.module = client.New(n.Log)
	n.Domains, err = domains.Open(ctx, domains.Config{
		Store: n.store, Module: hsmjobs.New(n.module), Dev: n.Dev, RotateEvery: n.RotateEvery, Now: n.Now, Log: n.Log,
	}, n.Dev)
	return err
}

// ownFolder makes the data folder if it is missing, keeps others out of it, and
// makes its name durable.
func ownFolder(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
		return fmt.Errorf("the data folder %s belongs to user %d", path, owner)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// openTrail opens the audit trail and moves what a crash left in the outbox,
// before anything else is recorded.
func (n *Node) openTrail(ctx context.Context) (err error) {
	n.trail, err = audit.Open(ctx, filepath.Join(n.Data, "audit"), audit.Options{Node: n.Domains.Node(), Mode: n.Audit, Logger: n.Log})
	if err != nil {
		return fmt.Errorf("open the audit trail: %w", err)
	}
	n.outbox = audit.NewOutbox(n.store, n.trail, n.records, audit.OutboxOptions{Logger: n.Log})
	regions, err := n.Domains.Stored(ctx)
	if err != nil {
		return err
	}
	if err := n.outbox.Drain(ctx, regions); err != nil {
		return err
	}
	n.start(func(ctx context.Context) {
		if err := n.outbox.Run(ctx); err != nil && ctx.Err() == nil {
			n.Log.Error("audit outbox", "error", err)
		}
	})
	return nil
}

// startModule starts or reaches the crypto module and waits until the domains
// are loaded.
func (n *Node) startModule(ctx context.Context) error {
	regions, err := n.Domains.Stored(ctx)
	if err != nil {
		return err
	}
	source, err := n.Module(len(regions) == 0)
	if err != nil {
		return err
	}
	refused := make(chan error, 1)
	n.ended = make(chan error, 1)
	load := func(ctx context.Context) error {
		err := n.Domains.Load(ctx)
		if err != nil && !errors.Is(err, client.ErrUnavailable) {
			select {
			case refused <- err:
			default:
			}
		}
		return err
	}
	n.start(func(ctx context.Context) { n.ended <- n.module.Run(ctx, source, load) })
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !n.module.Ready() {
		if n.module.State() == client.Mute {
			return errors.New("the crypto module is mute: one of its checks failed, and its log says which")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-n.ended:
			return fmt.Errorf("crypto module: %w", err)
		case err := <-refused: // a missing domain token, another module's key file: waiting does not help
			return fmt.Errorf("load the domains: %w", err)
		case <-tick.C:
		}
	}
	return nil
}

// Wake has the node look for work that is due, because its clock was moved.
func (n *Node) Wake() { n.due.Wake() }

// records returns a Region's record sealer.
func (n *Node) records(ctx context.Context, region string) (*record.Sealer, error) {
	r, err := n.Domains.Region(ctx, region)
	if err != nil {
		return nil, err
	}
	return r.Records, nil
}

// assemble puts the pipeline and the scheduler together.
func (n *Node) assemble() {
	n.keys = keydir.New(n.store, n.records, partition)
	n.identity = identity.New(identity.Config{
		Store: n.store, Module: hsmidentity.New(n.module), Partition: partition, Dev: n.Dev, Now: time.Now, Log: n.Log,
		Records: func() (*record.Sealer, error) { return n.records(context.Background(), domains.Global) },
	})
	n.stop = append(n.stop, n.keys.Close, n.identity.Close)
	module := use.New(n.module)
	n.Pipeline = front.New(front.Config{
		Partition: partition, Ready: n.module.Ready, Identity: n.identity, Domains: n.Domains, Keys: n.keys,
		Operations: service.New(
			&keys.Ops{Store: n.store, Keys: n.keys, Regions: n.Domains, Module: module, Rand: rand.Reader},
			&aliases.Ops{Store: n.store, Keys: n.keys, Regions: n.Domains},
			&cipher.Ops{Module: module},
			&policies.Ops{Regions: n.Domains},
			&tags.Ops{Store: n.store, Regions: n.Domains},
		),
		Trail: n.trail, Now: time.Now, Log: n.Log,
	})
	deletion := &jobs.Deletion{Store: n.store, Records: n.records, Partition: partition, Now: n.Now, Log: n.Log}
	n.due = jobs.NewScheduler(n.store, n.Domains.Names, map[string]jobs.Job{record.JobDelete: deletion.Run}, n.Now, n.Log)
}

// Serve answers requests on a listener until the context ends, and then lets
// the running ones end.
func (n *Node) Serve(ctx context.Context, l net.Listener, c edge.Config) error {
	c.Now, c.Log = n.Now, n.Log
	server := edge.New(n.Pipeline, c)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	var gone error
	select {
	case err := <-served:
		return err
	case err := <-n.ended:
		// Only an operator can help. Ending tells whoever watches this process.
		gone = fmt.Errorf("crypto module: %w", err)
		n.Log.Error("the crypto module is gone for good", "error", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		n.Log.Warn("requests were cut off", "error", err)
	}
	return errors.Join(gone, <-served)
}
