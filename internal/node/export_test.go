package node

import (
	"context"

	"trent/internal/call"
	"trent/internal/jobs"
)

// CloseTrail ends the audit trail under a running service, as a disk that
// takes no more writes does.
func (n *Node) CloseTrail() error { return n.trail.Close() }

// DeletionAt has at called at each point of the deletion of keys.
func (c Config) DeletionAt(at func(jobs.Point)) Config {
	c.deletionAt = at
	return c
}

// ReplicationAt has at called at each point of the synchronization of
// multi-Region keys.
func (c Config) ReplicationAt(at func(jobs.ReplicationPoint)) Config {
	c.replicationAt = at
	return c
}

// MaterialAt has at called at each point of automatic rotations, and of the expiry
// of imported material.
func (c Config) MaterialAt(at func(jobs.MaterialPoint)) Config {
	c.materialAt = at
	return c
}

// FaultHook is the hook that the pipeline of a node with this Config has.
func (c Config) FaultHook() func(context.Context, *call.Call) error {
	return (&Node{Config: c}).fault()
}

// Commands is how many commands the crypto module was sent.
func (n *Node) Commands() uint64 { return n.module.Counters().FramesWritten }

// TrailKeyUsable says what is wrong with the state of the trail's KMS key.
func (n *Node) TrailKeyUsable(ctx context.Context) error { return n.trailKeyUsable(ctx) }

// SealTrail makes a digest, and seals what can be sealed.
func (n *Node) SealTrail(ctx context.Context) (int, error) {
	if _, err := n.digests.Make(ctx); err != nil {
		return 0, err
	}
	return n.sealer.Seal(ctx)
}

// DrainOutbox moves what was committed into the audit trail.
func (n *Node) DrainOutbox(ctx context.Context) error {
	regions, err := n.Domains.Stored(ctx)
	if err != nil {
		return err
	}
	return n.outbox.Drain(ctx, regions)
}
