package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"trent/internal/audit"
	"trent/internal/domains"
	"trent/internal/edge"
	"trent/internal/front"
	"trent/internal/hsm/client"
	hsmidentity "trent/internal/hsm/client/identity"
	hsmjobs "trent/internal/hsm/client/jobs"
	"trent/internal/hsm/client/use"
	"trent/internal/hsm/supervisor"
	"trent/internal/identity"
	"trent/internal/jobs"
	"trent/internal/keydir"
	"trent/internal/ops/aliases"
	"trent/internal/ops/cipher"
	"trent/internal/ops/keys"
	"trent/internal/record"
	"trent/internal/service"
	"trent/internal/store/sqlite"
)

// partition of every ARN.
const partition = "aws"

// shutdownTimeout is how long running requests may take to end.
const shutdownTimeout = 10 * time.Second

// nodeConfig is what a node is made of.
type nodeConfig struct {
	data        string // folder
	dev         bool
	mode        audit.Mode
	hsmSocket   string // of a module that was started separately; empty: start one
	hsmBinary   string
	rotateEvery time.Duration
	log         *slog.Logger
}

// A node is one running service: the parts, and the goroutines that they need.
type node struct {
	nodeConfig
	store    *sqlite.Store
	domains  *domains.Manager
	trail    *audit.Trail
	outbox   *audit.Outbox
	module   *client.Client
	identity *identity.Directory
	keys     *keydir.Dir
	pipeline *front.Pipeline

	background sync.WaitGroup
	stop       []func() // ends what openNode started, last first
}

// openNode opens the data folder, starts the module and waits until it is
// unsealed.
func openNode(ctx context.Context, c nodeConfig) (n *node, err error) {
	n = &node{nodeConfig: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if err := n.openStore(ctx); err != nil {
		return n, err
	}
	if err := n.openTrail(ctx); err != nil {
		return n, err
	}
	if err := n.startModule(ctx); err != nil {
		return n, err
	}
	n.assemble()
	n.start(func(ctx context.Context) {
		(&jobs.Rotation{Domains: n.domains, Ready: n.module.Ready, Every: c.rotateEvery, Now: time.Now, Log: c.log}).Run(ctx)
	})
	return n, nil
}

// start runs f in the background until close.
func (n *node) start(f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	n.background.Add(1)
	go func() {
		defer n.background.Done()
		defer close(done)
		f(ctx)
	}()
	n.stop = append(n.stop, func() { cancel(); <-done })
}

// close ends everything in the reverse order of its start.
func (n *node) close() error {
	for i := len(n.stop) - 1; i >= 0; i-- {
		n.stop[i]()
	}
	n.stop = nil
	n.background.Wait()
	var errs []error
	if n.trail != nil {
		errs = append(errs, n.trail.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}

func (n *node) openStore(ctx context.Context) (err error) {
	if err := os.MkdirAll(n.data, 0o700); err != nil {
		return err
	}
	n.store, err = sqlite.Open(ctx, filepath.Join(n.data, "store"), sqlite.Options{Logger: n.log})
	if err != nil {
		return fmt.Errorf("open the store in %s: %w", n.data, err)
	}
	n.module = client.New(n.log)
	n.domains, err = domains.Open(ctx, domains.Config{
		Store: n.store, Module: hsmjobs.New(n.module), Dev: n.dev, RotateEvery: n.rotateEvery, Now: time.Now, Log: n.log,
	}, n.dev)
	return err
}

// openTrail opens the audit trail and moves what a crash left in the outbox,
// before anything else is recorded.
func (n *node) openTrail(ctx context.Context) (err error) {
	n.trail, err = audit.Open(ctx, filepath.Join(n.data, "audit"), audit.Options{Node: n.domains.Node(), Mode: n.mode, Logger: n.log})
	if err != nil {
		return fmt.Errorf("open the audit trail: %w", err)
	}
	n.outbox = audit.NewOutbox(n.store, n.trail, audit.OutboxOptions{Logger: n.log})
	regions, err := n.domains.Stored(ctx)
	if err != nil {
		return err
	}
	if err := n.outbox.Drain(ctx, regions); err != nil {
		return err
	}
	n.start(func(ctx context.Context) {
		if err := n.outbox.Run(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("audit outbox", "error", err)
		}
	})
	return nil
}

// startModule starts or reaches the crypto module and waits until the domains
// are loaded.
func (n *node) startModule(ctx context.Context) error {
	source, err := n.moduleSource(ctx)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	n.start(func(ctx context.Context) { ended <- n.module.Run(ctx, source, n.domains.Load) })
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !n.module.Ready() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-ended:
			return fmt.Errorf("crypto module: %w", err)
		case <-tick.C:
		}
	}
	return nil
}

func (n *node) moduleSource(ctx context.Context) (client.Source, error) {
	if n.hsmSocket != "" {
		return supervisor.NewSocket(n.hsmSocket, n.log), nil
	}
	binary := n.hsmBinary
	if binary == "" {
		var err error
		if binary, err = hsmProgram(); err != nil {
			return nil, err
		}
	}
	keyFile := filepath.Join(n.data, "module", "key")
	args := []string{"--key-file", keyFile}
	if n.dev {
		args = append(args, "--dev")
	}
	// A key file is made only for a store without any domain: what a lost key
	// file sealed is never replaced silently.
	regions, err := n.domains.Stored(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(keyFile); errors.Is(err, os.ErrNotExist) && len(regions) == 0 {
		if err := os.MkdirAll(filepath.Dir(keyFile), 0o700); err != nil {
			return nil, err
		}
		args = append(args, "--create-key-file")
	}
	return supervisor.NewChild(binary, args, n.log), nil
}

// assemble puts the pipeline together.
func (n *node) assemble() {
	region := func(ctx context.Context, name string) (*record.Sealer, error) {
		r, err := n.domains.Region(ctx, name)
		if err != nil {
			return nil, err
		}
		return r.Records, nil
	}
	n.keys = keydir.New(n.store, region, partition)
	n.identity = identity.New(identity.Config{
		Store: n.store, Module: hsmidentity.New(n.module), Partition: partition, Dev: n.dev, Now: time.Now, Log: n.log,
		Records: func() (*record.Sealer, error) { return region(context.Background(), domains.Global) },
	})
	n.stop = append(n.stop, n.keys.Close, n.identity.Close)
	module := use.New(n.module)
	n.pipeline = front.New(front.Config{
		Partition: partition, Ready: n.module.Ready, Identity: n.identity, Domains: n.domains, Keys: n.keys,
		Operations: service.New(
			&keys.Ops{Store: n.store, Keys: n.keys, Domains: n.domains, Module: module, Rand: rand.Reader},
			&aliases.Ops{Store: n.store, Keys: n.keys, Domains: n.domains},
			&cipher.Ops{Module: module},
		),
		Trail: n.trail, Now: time.Now, Log: n.log,
	})
}

// serve answers requests on a listener until the context ends, and then lets
// the running ones end.
func (n *node) serve(ctx context.Context, l net.Listener, id string, http2 bool) error {
	server := edge.New(n.pipeline, edge.Config{Listener: id, HTTP2: http2, Now: time.Now, Log: n.log})
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		n.log.Warn("requests were cut off", "error", err)
	}
	return <-served
}
