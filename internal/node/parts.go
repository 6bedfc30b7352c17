package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"trent/internal/audit"
	"trent/internal/authz"
	"trent/internal/call"
	"trent/internal/cloudtrail"
	"trent/internal/domains"
	"trent/internal/front"
	"trent/internal/grantdir"
	"trent/internal/hsm/client"
	hsmidentity "trent/internal/hsm/client/identity"
	hsmjobs "trent/internal/hsm/client/jobs"
	"trent/internal/hsm/client/use"
	"trent/internal/iam"
	"trent/internal/identity"
	"trent/internal/jobs"
	"trent/internal/keydir"
	"trent/internal/keyuse"
	"trent/internal/obs"
	"trent/internal/ops/aliases"
	"trent/internal/ops/cipher"
	"trent/internal/ops/exchange"
	"trent/internal/ops/grants"
	"trent/internal/ops/keypolicy"
	"trent/internal/ops/keys"
	"trent/internal/ops/material"
	"trent/internal/ops/policies"
	"trent/internal/ops/regions"
	"trent/internal/ops/rotation"
	"trent/internal/ops/signature"
	"trent/internal/ops/tags"
	"trent/internal/ops/usage"
	"trent/internal/quota"
	"trent/internal/record"
	"trent/internal/service"
	"trent/internal/store/sqlite"
	"trent/internal/sts"
	"trent/internal/throttle"
)

// storeFolder is the store's in a data folder.
const storeFolder = "store"

func (n *Node) openStore(ctx context.Context) (err error) {
	if err := ownFolder(n.Data); err != nil {
		return err
	}
	n.store, err = sqlite.Open(ctx, filepath.Join(n.Data, storeFolder), sqlite.Options{Logger: n.Log, Hooks: n.storeHooks(), StallTimeout: n.StallTimeout})
	if err != nil {
		return fmt.Errorf("open the store in %s: %w", n.Data, err)
	}
	n.module = client.New(n.Log)
	n.watchModule()
	n.Domains, err = domains.Open(ctx, domains.Config{
		Store: n.store, Module: hsmjobs.New(n.module), Dev: n.Dev, Partition: n.Partition, Regions: n.Regions, AddRegions: n.Init || n.AddRegions,
		RotateEvery: n.RotateEvery, Changed: n.domainChanged, Now: n.Now, Log: n.Log,
	}, n.Dev || n.Init)
	if err == nil {
		n.clock.ahead.Store(int64(n.Domains.Ahead()))
	}
	return err
}

// ownFolder makes the data folder if it is missing, keeps others out of it, and
// makes its name durable.
func ownFolder(path string) error {
	_, err := os.Stat(path)
	made := errors.Is(err, fs.ErrNotExist)
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
	if err := os.Chmod(path, 0o700); err != nil || !made {
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
func (n *Node) openTrail(ctx context.Context) error {
	if err := n.beginEpoch(ctx); err != nil {
		return err
	}
	n.outbox = audit.NewOutbox(n.store, n.trail, n.records, audit.OutboxOptions{Logger: n.Log, First: n.beginsTrail})
	regions, err := n.Domains.Stored(ctx)
	if err != nil {
		return err
	}
	if err := n.outbox.Drain(ctx, regions); err != nil {
		return err
	}
	if err := n.openDigests(ctx); err != nil {
		return err
	}
	if err := n.tellCuts(ctx); err != nil {
		return err
	}
	n.start(func(ctx context.Context) {
		if err := n.outbox.Run(ctx); err != nil && ctx.Err() == nil {
			n.Log.Error("audit outbox", "error", err)
		}
	})
	return nil
}

// findModule makes the source of connections to the crypto module.
func (n *Node) findModule(ctx context.Context) error {
	regions, err := n.Domains.Stored(ctx)
	if err != nil {
		return err
	}
	n.source, err = n.Config.Module(len(regions) == 0)
	return err
}

// startModule starts or reaches the crypto module and waits until the domains
// are loaded.
func (n *Node) startModule(ctx context.Context) error {
	refused := make(chan error, 1)
	n.ended = make(chan error, 1)
	load := func(ctx context.Context) error {
		err := n.checkModule(ctx)
		if err == nil {
			err = n.tellClock(ctx)
		}
		if err == nil {
			err = n.Domains.Load(ctx)
		}
		if err == nil {
			n.moduleStarted(ctx)
		}
		if err != nil && !errors.Is(err, client.ErrUnavailable) {
			select {
			case refused <- err:
			default:
			}
		}
		return err
	}
	n.start(func(ctx context.Context) {
		n.ended <- fmt.Errorf("crypto module: %w", n.module.Run(ctx, n.source, load))
	})
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
			return err
		case err := <-refused: // a missing domain token, another module's key file: waiting does not help
			return fmt.Errorf("unseal the crypto module: %w", err)
		case <-tick.C:
		}
	}
	return nil
}

var (
	// errNotStrict refuses a module that does more than was asked for, or that
	// does so without the certified module.
	errNotStrict = errors.New("fips: strict wants trent-hsm-fips, which is built with Go's certified module and refuses what FIPS 140-3 does not approve, and this crypto module is not it")
	// errNotForDev refuses a module that would refuse every signature.
	errNotForDev = errors.New(`trent dev wants trent-hsm and not trent-hsm-fips: its well-known secret access key, "test", is shorter than the 112 bits that FIPS 140-3 approves`)
)

// checkModule refuses a crypto module that the configuration does not want. It
// runs after each start of the module.
func (n *Node) checkModule(ctx context.Context) error {
	if !n.ApprovedOnly && !n.Dev {
		return nil
	}
	info, err := hsmjobs.New(n.module).Status(ctx)
	switch {
	case err != nil:
		return err
	case n.ApprovedOnly && !info.FIPSOnly:
		return errNotStrict
	case n.Dev && info.FIPSOnly:
		return errNotForDev
	}
	return nil
}

// Wake has the node look for work that is due, because its clock was moved.
func (n *Node) Wake() {
	n.due.Wake()
	n.rotation.Wake()
}

// records returns a Region's record sealer.
func (n *Node) records(ctx context.Context, region string) (*record.Sealer, error) {
	r, err := n.Domains.Region(ctx, region)
	if err != nil {
		return nil, err
	}
	return r.Records, nil
}

// fault is the hook of trent dev; nil in production.
func (n *Node) fault() func(context.Context, *call.Call) error {
	if n.Dev {
		return n.Fault
	}
	return nil
}

// assemble puts the pipeline and the scheduler together.
func (n *Node) assemble() {
	n.keys = keydir.New(n.store, n.records, n.Partition)
	n.Identity = identity.New(identity.Config{
		Store: n.store, Module: hsmidentity.New(n.module), Partition: n.Partition, Dev: n.Dev, Now: n.Now, Log: n.Log,
		Records: func() (*record.Sealer, error) { return n.records(context.Background(), domains.Global) },
	})
	n.grants = grantdir.New(n.store, n.Domains)
	n.quota = quota.NewKeys(n.store, n.Limits.Keys)
	if n.Requests != nil {
		n.throttle = throttle.New(n.Requests, n.Now())
	}
	n.stop = append(n.stop, n.keys.Close, n.Identity.Close, n.grants.Close, n.quota.Close)
	n.uses = keyuse.New(keyuse.Config{Store: n.store, Records: n.records, Since: n.Domains.UsageSince, Log: n.Log})
	n.start(n.Identity.Run)
	n.start(n.uses.Run)
	n.requests = obs.NewRequests(n.Metrics, obs.NewRequestLog(n.Log, n.LogRequests), &n.live)
	module := use.New(n.module)
	rules := &keypolicy.Rules{Partition: n.Partition, MaxBytes: n.Limits.KeyPolicyBytes, Principals: n.Identity, Unknown: n.Dev}
	n.Pipeline = front.New(front.Config{
		Partition: n.Partition, Ready: n.module.Ready, ApprovedOnly: n.ApprovedOnly, Identity: n.Identity, Domains: n.Domains, Keys: n.keys, Grants: n.grants, Uses: n.uses,
		Authorizer: &authz.Authorizer{Grants: n.grants}, Endpoints: n.Endpoints,
		Operations: service.New(
			&keys.Ops{Store: n.store, Keys: n.keys, Regions: n.Domains, Module: module, Rules: rules, Limits: n.Limits, Quota: n.quota, Guard: n.guardDeletion, Rand: rand.Reader},
			&aliases.Ops{Store: n.store, Keys: n.keys, Regions: n.Domains, Limits: n.Limits},
			&cipher.Ops{Module: module},
			&policies.Ops{Store: n.store, Regions: n.Domains, Rules: rules},
			&tags.Ops{Store: n.store, Regions: n.Domains, Limits: n.Limits},
			&signature.Ops{Module: module},
			&exchange.Ops{Module: module},
			&grants.Ops{Store: n.store, Grants: n.grants, Regions: n.Domains, Principals: n.Identity, Unbound: n.Dev, Limits: n.Limits, Rand: rand.Reader},
			&rotation.Ops{Store: n.store, Keys: n.keys, Regions: n.Domains, Module: module},
			&material.Ops{Store: n.store, Keys: n.keys, Regions: n.Domains, Module: module},
			&regions.Ops{Store: n.store, Keys: n.keys, Regions: n.Domains, Rules: rules, Limits: n.Limits, Quota: n.quota},
			&usage.Ops{Uses: n.uses},
		),
		Queries: []*call.QueryAPI{
			iam.New(iam.Config{Identity: n.Identity, Regions: n.Domains, UnknownPrincipals: n.Dev}),
			sts.New(sts.Config{Identity: n.Identity}),
		},
		CloudTrail: cloudtrail.New(cloudtrail.Config{Records: n.index, Regions: n.Domains, Log: n.Log}),
		Requests:   n.throttle, Trail: n.trail, Now: time.Now, Log: n.Log, Fault: n.fault(),
		Observer: n.requests,
	})
	n.start(n.Pipeline.Run)
	deletion := &jobs.Deletion{Store: n.store, Records: n.records, Partition: n.Partition, Sign: n.signer().Sign, Now: n.Now, Log: n.Log, At: n.deletionAt}
	expiry := &jobs.Expiry{Store: n.store, Records: n.records}
	imported := &jobs.MaterialExpiry{Store: n.store, Records: n.records, Partition: n.Partition, Now: n.Now, Log: n.Log, At: n.materialAt}
	rotation := &jobs.KeyRotation{
		Store: n.store, Records: n.records, Module: hsmjobs.New(n.module), Partition: n.Partition, Now: n.Now, Log: n.Log, At: n.materialAt,
	}
	replication := &jobs.Replication{
		Store: n.store, Records: n.records, Domains: n.Domains, Module: hsmjobs.New(n.module), Partition: n.Partition, Now: n.Now, Log: n.Log, At: n.replicationAt,
	}
	n.due = jobs.NewScheduler(n.store, n.Domains.Names, map[string]jobs.Job{
		record.JobDelete: deletion.Run, record.JobExpire: expiry.Run, record.JobRotateKey: rotation.Run, record.JobReplicate: replication.Run,
		record.JobExpireMaterial: imported.Run,
	}, n.Now, n.Log)
	n.rotation = jobs.NewRotation(jobs.RotationConfig{Domains: n.Domains, Ready: n.module.Ready, Every: n.RotateEvery, Now: n.Now, Log: n.Log})
}
