// Package node puts the parts of one service together: store, audit trail,
// crypto module, pipeline and jobs, in the order in which they depend on each
// other, and takes them apart in the reverse one. It holds no logic of its
// own, but tells operators about the whole: it is the admin socket's Node. Only cmd/trent and the tests that need a whole service import it.
package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"trent/internal/audit"
	"trent/internal/auditindex"
	"trent/internal/auditseal"
	"trent/internal/backup"
	"trent/internal/call"
	"trent/internal/digest"
	"trent/internal/diskspace"
	"trent/internal/domains"
	"trent/internal/export"
	"trent/internal/front"
	"trent/internal/grantdir"
	"trent/internal/hsm/client"
	"trent/internal/identity"
	"trent/internal/jobs"
	"trent/internal/keydir"
	"trent/internal/keyuse"
	"trent/internal/live"
	"trent/internal/obs"
	"trent/internal/quota"
	"trent/internal/store/sqlite"
	"trent/internal/throttle"
	"trent/internal/tlog"
)

// defaultPartition of ARNs, where none is configured.
const defaultPartition = "aws"

// Config is what a node is made of.
type Config struct {
	// Data is the folder of everything that the service keeps.
	Data string
	// Dev marks a new data folder, and accepts well-known credentials.
	Dev bool
	// Partition is the ARN partition; "" means "aws".
	Partition string
	// Regions are those that a data folder of production holds. trent dev makes
	// Regions as they are asked for.
	Regions []string
	// Endpoints are the listeners that stand for VPC endpoints, by their ids.
	Endpoints map[string]*Endpoint
	// Init makes a data folder of production: the store and the domains.
	Init bool
	// AddRegions makes the domains of Regions that a data folder of production
	// lacks, as Init does.
	AddRegions bool
	// Audit says when an answer may leave.
	Audit audit.Mode
	// DiskWarnPercent and DiskWarnBefore say when a disk is low: internal/diskspace.
	DiskWarnPercent int
	DiskWarnBefore  time.Duration
	// StallTimeout is how long a call waits for a disk; 0 means ten seconds.
	StallTimeout time.Duration
	// NewTrail begins an audit trail under another node id in place of one that is
	// lost; trent dev always does. If the trail is there, Open returns ErrTrailThere.
	NewTrail bool
	// Encryption of the audit trail's segments that have ended; nil: there is none.
	Encryption *Encryption
	// DigestEvery is the interval of the audit trail's signed digests; 0 means five minutes.
	DigestEvery time.Duration
	// Exports are the exports of the audit trail.
	Exports []export.Export
	// Module is where connections to the crypto module come from. fresh says
	// that the data folder holds no domain yet, so that a module key file may
	// be made: what a lost one sealed is never replaced silently.
	Module func(fresh bool) (client.Source, error)
	// ApprovedOnly wants a crypto module that refuses what FIPS 140-3 does not
	// approve, and no other.
	ApprovedOnly bool
	// AdminSocket is the path of the operators' socket; "" means none. AdminUsers
	// are the users, beside root and the service's own, who are let in.
	AdminSocket string
	AdminUsers  []uint32
	// SameUser and Listeners are for operators to know: whether the service could
	// open the module's key file itself (nil: nobody knows), and what Serve is to
	// be given.
	SameUser  *bool
	Listeners []Listener
	// Limits are the resource quotas; zeros mean AWS's numbers.
	Limits quota.Limits
	// Requests are the request quotas; nil: there are none.
	Requests *throttle.Numbers
	// DeletionGuardDays refuses the deletion of keys that were used in the last so
	// many days; 0 refuses none.
	DeletionGuardDays int
	// RotateEvery is the interval of domain key rotations.
	RotateEvery time.Duration
	// Now is the clock of jobs and of what records and answers say; nil means
	// time.Now. Who sets it forward calls Wake. A Node's own Now is it and what
	// MoveClock moved it ahead, which wakes too. Signatures, and with them the day keys, go by the
	// system's clock always.
	Now func() time.Time
	// Fault can take the place of any operation: front.Config says when. It
	// counts under Dev only.
	Fault func(ctx context.Context, c *call.Call) error
	Log   *slog.Logger
	// MetricsAddress is where GET /metrics, /healthz and /readyz are answered; ""
	// is nowhere.
	MetricsAddress string
	// LogRequests says which requests get a line in Log; "" is none.
	LogRequests obs.Logged
	// DroppedLines counts the lines that Log has lost; nil: it loses none.
	DroppedLines func() uint64

	deletionAt    func(jobs.Point)            // for tests
	replicationAt func(jobs.ReplicationPoint) // for tests
	materialAt    func(jobs.MaterialPoint)    // for tests
}

// A Node is one running service.
type Node struct {
	Config
	// Pipeline serves requests; internal/edge brings them from the network.
	Pipeline *front.Pipeline
	// Domains holds the Regions.
	Domains *domains.Manager
	// Identity holds the accounts and access keys.
	Identity *identity.Directory
	// Metrics are this node's own; Health says whether it can answer requests.
	Metrics *obs.Metrics
	Health  obs.Health

	store   *sqlite.Store
	trail   *audit.Trail
	outbox  *audit.Outbox
	digests *digest.Maker
	index   *auditindex.Index
	sealer  *auditseal.Sealer // nil: the trail stays in the clear
	log     *tlog.Log
	// A segment of the trail has ended, and has no digest, no index yet; a digest was
	// made, and the log has none of what it covers; capacity 1.
	undigested, unindexed, unlogged chan struct{}
	module                          *client.Client
	keys                            *keydir.Dir
	uses                            *keyuse.Uses
	grants                          *grantdir.Dir
	quota                           *quota.Keys
	throttle                        *throttle.Limiter // nil: there are no request quotas
	clock                           clock
	due                             *jobs.Scheduler
	rotation                        *jobs.Rotation
	ended                           chan error // why the module does not run any more, for good
	stop                            []func()   // ends what Open started, last first

	source     client.Source // of connections to the module
	closeAdmin func() error  // nil if there is no admin socket
	disks      *diskspace.Watch
	backingUp  sync.Mutex
	events     audit.IDs
	assembled  chan struct{} // closed when there is a pipeline
	requests   *obs.Requests
	live       live.Watch
	watchers   watchers
	began      time.Time
	metricsAt  net.Addr // where metrics are answered; nil: nowhere
	exports    []*export.Exporter
	opened     atomic.Bool // Open has succeeded: whatever operators ask for is there
}

// Open opens the data folder, starts the module and waits until it is unsealed.
// If it fails it has closed everything.
func Open(ctx context.Context, c Config) (n *Node, err error) {
	n = newNode(c)
	if n.Limits, err = n.Limits.Complete(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
			n = nil
		}
	}()
	if err := n.checkBuild(); err != nil {
		return n, err
	}
	if err := backup.Whole(n.Data); err != nil {
		return n, err
	}
	if err := n.openMetrics(); err != nil {
		return n, err
	}
	if err := n.openStore(ctx); err != nil {
		return n, err
	}
	if err := n.findModule(ctx); err != nil {
		return n, err
	}
	if err := n.openAdmin(); err != nil {
		return n, err
	}
	if err := n.startModule(ctx); err != nil {
		return n, err
	}
	if err := n.openTrail(ctx); err != nil { // the outbox's rows have MACs, whose keys the module releases
		return n, err
	}
	n.watchDisks()
	if err := n.openIndex(); err != nil {
		return n, err
	}
	n.assemble()
	close(n.assembled)
	if err := n.openExports(); err != nil {
		return n, err
	}
	n.openLog()
	n.openEncryption()
	n.measure()
	n.Health.Begin(n.checks()...)
	n.start(n.due.Run)
	n.start(n.rotation.Run)
	n.start(n.digests.Run)
	n.opened.Store(true)
	return n, nil
}

// newNode is a node of which nothing runs.
func newNode(c Config) *Node {
	n := &Node{Config: c, began: time.Now(), assembled: make(chan struct{}), Metrics: obs.NewMetrics(Version()), undigested: make(chan struct{}, 1), unindexed: make(chan struct{}, 1), unlogged: make(chan struct{}, 1)}
	n.clock.base = n.Now
	if n.Now == nil {
		n.clock.base = time.Now
	}
	n.Now = n.clock.now
	if n.Partition == "" {
		n.Partition = defaultPartition
	}
	return n
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
	var errs []error
	if n.closeAdmin != nil {
		errs = append(errs, n.closeAdmin())
		n.closeAdmin = nil
	}
	for i := len(n.stop) - 1; i >= 0; i-- {
		n.stop[i]()
	}
	n.stop = nil
	if n.trail != nil {
		errs = append(errs, n.trail.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}
