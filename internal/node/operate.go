package node

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"trent/internal/admin"
	"trent/internal/digest"
	"trent/internal/domains"
	"trent/internal/hsm/client"
	hsmjobs "trent/internal/hsm/client/jobs"
	"trent/internal/record"
)

// adminEnd is how long operators' requests may take to end when the node is
// closed.
const adminEnd = 2 * time.Second

// openAdmin begins to answer operators, who see the node start.
func (n *Node) openAdmin() error {
	if n.AdminSocket == "" {
		return nil
	}
	socket, err := admin.Listen(n.AdminSocket, n.AdminUsers, n.Log)
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	server := admin.NewServer(n, n.Log)
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	n.closeAdmin = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), adminEnd)
		defer cancel()
		return errors.Join(server.Close(ctx), <-served)
	}
	n.Log.Info("admin socket", "path", n.AdminSocket)
	return nil
}

// errStarting answers operators until the node is open.
func (n *Node) errStarting() error {
	if n.opened.Load() {
		return nil
	}
	return admin.Errorf(admin.Unavailable, "the service is starting: it waits for the crypto module, which is %s", n.module.State())
}

// Status describes the node, also while it starts.
func (n *Node) Status(ctx context.Context) (admin.Status, error) {
	module, held := n.moduleStatus(ctx)
	now := time.Now()
	node := n.Domains.Node()
	s := admin.Status{
		Version: Version(), PID: os.Getpid(), Mode: admin.ModeProduction, State: "unavailable", Started: n.began.UTC().Truncate(time.Second),
		UptimeSeconds: int64(now.Sub(n.began).Seconds()), Node: hex.EncodeToString(node[:]), Data: n.Data, Partition: n.Partition,
		Module: module, Regions: []admin.Region{}, Listeners: n.listening(),
	}
	if n.Dev {
		s.Mode = admin.ModeDev
	}
	if n.module.Ready() && n.opened.Load() {
		s.State = "ready"
	}
	s.Audit.Durability = n.Audit.String()
	s.Audit.Keys = []admin.AuditKey{}
	s.Disks = []admin.Disk{}
	if n.opened.Load() {
		s.Disks = append(s.Disks, n.diskStatus()...)
		if err := n.auditStatus(ctx, &s.Audit); err != nil {
			return s, err
		}
	}
	return s, n.countAll(ctx, &s, held)
}

func (n *Node) auditStatus(ctx context.Context, a *admin.Audit) error {
	head := n.trail.Head()
	a.Epoch, a.Sequence, a.Hash = head.Epoch, head.Sequence, hex.EncodeToString(head.Hash[:])
	if err := n.trail.Err(); err != nil {
		a.Error = err.Error()
	}
	if d := n.digests.Last(); d != nil {
		a.Digest = &admin.Digest{Number: d.Number, Time: d.Made(), Sequence: d.Sequence}
	}
	a.DigestError = n.digests.Failure()
	if n.sealer != nil {
		a.EncryptionError = n.sealer.Failure()
	}
	l := n.log.State()
	if l.Size > 0 {
		a.Checkpoint = &admin.Checkpoint{Size: l.Size, Time: l.Current.UTC()}
	}
	a.CheckpointError = l.Failure
	a.Exports = n.exportStatus()
	keys, err := n.digests.Signer.Keys(ctx)
	for _, k := range keys {
		a.Keys = append(a.Keys, admin.AuditKey{ID: k.ID, Algorithm: k.Algorithm, PublicKey: string(digest.PEM(k.PublicKey))})
	}
	return err
}

// countAll fills in what stands in the store: Regions, accounts, outbox.
func (n *Node) countAll(ctx context.Context, s *admin.Status, held map[string]hsmjobs.DomainInfo) (err error) {
	names, err := n.Domains.Stored(ctx)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		r := admin.Region{Name: name}
		if d, ok := held[name]; ok {
			r.DomainID, r.Epoch, r.Generation, r.Generations = hex.EncodeToString(d.ID[:]), d.Epoch, d.Active, d.Generations
		}
		outbox, err := n.count(ctx, record.OutboxPrefix(name))
		if err != nil {
			return err
		}
		s.Audit.Outbox.N += outbox.N
		s.Audit.Outbox.More = s.Audit.Outbox.More || outbox.More
		if name == domains.Global {
			s.Identity = r
			continue
		}
		if r.Keys, err = n.countKeys(ctx, name); err != nil {
			return err
		}
		if r.PendingDeletions, err = n.pendingDeletions(ctx, name); err != nil {
			return err
		}
		s.Regions = append(s.Regions, r)
	}
	s.Accounts, err = n.count(ctx, record.AccountPrefix())
	return err
}

// What a status counts at most: of rows that it reads, and of others.
const (
	maxRead    = 1000
	maxCounted = 1_000_000
)

// count counts the store's keys with a prefix.
func (n *Node) count(ctx context.Context, prefix []byte) (admin.Count, error) {
	count, _, err := n.store.Count(ctx, prefix, record.PrefixEnd(prefix), maxCounted)
	return admin.Count{N: count, More: count == maxCounted}, err
}

// countKeys counts the KMS keys of a Region, which the quotas know.
func (n *Node) countKeys(ctx context.Context, region string) (admin.Count, error) {
	if !n.opened.Load() {
		return n.count(ctx, record.AllKeyPrefix(region))
	}
	total, err := n.quota.Total(ctx, region)
	return admin.Count{N: total}, err
}

// pendingDeletions counts the due rows of deletions.
func (n *Node) pendingDeletions(ctx context.Context, region string) (c admin.Count, err error) {
	prefix := record.DuePrefix(region)
	rows, more, _, err := n.store.Range(ctx, prefix, record.PrefixEnd(prefix), maxRead)
	c.More = more
	for _, row := range rows {
		if due, ok := record.ParseDue(row.Key); ok && due.Job == record.JobDelete {
			c.N++
		}
	}
	return c, err
}

// child is a crypto module that the service starts itself:
// internal/hsm/supervisor's Child.
type child interface {
	Pid() int
	Restarts() (n, max int)
	Restart()
}

// Module describes the crypto module.
func (n *Node) Module(ctx context.Context) (admin.Module, error) {
	m, _ := n.moduleStatus(ctx)
	return m, nil
}

// moduleTimeout bounds the wait for what a module says about itself.
const moduleTimeout = 2 * time.Second

// moduleStatus asks the crypto module, which answers when mute too, and returns
// the domains that it holds.
func (n *Node) moduleStatus(ctx context.Context) (m admin.Module, held map[string]hsmjobs.DomainInfo) {
	m = admin.Module{State: n.module.State().String(), Source: admin.SourceSocket, SameUser: n.SameUser}
	if c, ok := n.source.(child); ok {
		m.Source, m.PID = admin.SourceChild, c.Pid()
		m.Restarts, m.MaxRestarts = c.Restarts()
	}
	ctx, cancel := context.WithTimeout(ctx, moduleTimeout)
	defer cancel()
	info, err := hsmjobs.New(n.module).Status(ctx)
	if err != nil {
		m.Error = err.Error()
		return m, nil
	}
	m.Version, m.FIPS, m.FIPSOnly, m.FIPSModule, m.Development = info.Build, info.FIPS, info.FIPSOnly, info.FIPSVersion, info.Dev
	held = map[string]hsmjobs.DomainInfo{}
	for _, d := range info.Domains {
		held[d.Region] = d
	}
	return m, held
}

// restartTimeout bounds the wait for a restarted module.
const restartTimeout = 30 * time.Second

// RestartModule ends the crypto module, whatever state it is in, and waits
// until the next one is ready.
func (n *Node) RestartModule(ctx context.Context, by admin.Operator) (admin.Module, error) {
	if err := n.errStarting(); err != nil {
		return admin.Module{}, err
	}
	c, ok := n.source.(child)
	if !ok {
		return admin.Module{}, admin.Errorf(admin.NotPossible,
			"the crypto module is not started by this service, which only connects to its socket: restart it where it runs (systemctl restart trent-hsm, as a rule); the service connects again by itself")
	}
	event := by.Event("RestartModule", "", n.Now())
	event.EventID = n.events.New()
	if err := n.trail.Append(ctx, event.AppendJSON(nil)); err != nil {
		return admin.Module{}, admin.Errorf(admin.Unavailable, "the restart cannot be recorded, so it is not done: %v", err)
	}
	before := c.Pid()
	c.Restart()
	ctx, cancel := context.WithTimeout(ctx, restartTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		// Once there is another process, the state is that one's.
		pid := c.Pid()
		switch state := n.module.State(); {
		case state == client.Down:
			return admin.Module{}, admin.Errorf(admin.Internal, "the crypto module did not start again, and the service ends; its log says why")
		case pid != 0 && pid != before && (state == client.Ready || state == client.Mute):
			return n.Module(ctx)
		}
		select {
		case <-ctx.Done():
			return admin.Module{}, admin.Errorf(admin.Unavailable, "the crypto module was ended, and is not ready yet: it is %s", n.module.State())
		case <-tick.C:
		}
	}
}

// listening describes the listeners.
func (n *Node) listening() []admin.Listener {
	listening := []admin.Listener{}
	for _, l := range n.Listeners {
		addr := l.Socket.Addr()
		listening = append(listening, admin.Listener{
			Name: l.Config.Listener, Network: addr.Network(), Address: addr.String(), TLS: l.Config.TLS != nil,
		})
	}
	return listening
}

// Version is the program's version and commit, as the Go toolchain stamped them.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}

// Record writes what an operator has asked for into the audit trail.
func (n *Node) Record(ctx context.Context, a admin.Act) error {
	if !n.opened.Load() {
		return nil
	}
	e := a.By.Event(a.Operation.Event, a.Account, n.Now())
	e.EventID, e.RequestParameters, e.ReadOnly = n.events.New(), a.Parameters, !a.Operation.Mutates
	if a.Outcome != nil {
		e.ErrorCode, e.ErrorMessage = string(a.Outcome.Code), a.Outcome.Message
	}
	return n.trail.Append(context.WithoutCancel(ctx), e.AppendJSON(nil))
}
