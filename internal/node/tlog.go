package node

import (
	"cmp"
	"context"
	"encoding/hex"
	"path/filepath"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/domains"
	"trent/internal/tlog"
)

// logFolder is that of the audit trail's transparency log in a data folder.
const logFolder = "audit-tlog"

// logShare leaves the processors to requests, and still keeps up with tens of
// thousands of records a second: one takes some four microseconds to read, hash and
// write.
const logShare = 8

// openLog makes the trail's transparency log, which grows in the background.
func (n *Node) openLog() {
	n.log = tlog.New(tlog.Config{
		Trail: n.trailFolder(), Opener: n.sealed(), Folder: filepath.Join(n.Data, logFolder), Node: n.Domains.Node(), Signer: n.checkpointSigner(), Covered: n.covered,
		Wake: n.unlogged, Share: logShare, Now: n.Now, Log: n.Log,
	})
	n.start(n.log.Run)
}

// checkpointSigner signs checkpoints; its keys are made when they are first asked for.
func (n *Node) checkpointSigner() domains.CheckpointSigner {
	return domains.CheckpointSigner{Signer: n.signer()}
}

// covered is the last record that a digest covers.
func (n *Node) covered() (h audit.Head) {
	if d := n.digests.Last(); d != nil {
		h.Epoch, h.Sequence = d.Epoch, d.Sequence
		_, _ = hex.Decode(h.Hash[:], []byte(d.Hash)) // in the form of a digest
	}
	return h
}

// digestMade has the log take in what a digest covers.
func (n *Node) digestMade() {
	select {
	case n.unlogged <- struct{}{}:
	default:
	}
}

// Checkpoint returns the newest checkpoint of the transparency log.
func (n *Node) Checkpoint(_ context.Context, q admin.CheckpointQuery) (admin.SignedCheckpoint, error) {
	if err := n.errStarting(); err != nil {
		return admin.SignedCheckpoint{}, err
	}
	s := n.log.State()
	if s.Size == 0 {
		return admin.SignedCheckpoint{}, admin.Errorf(admin.Unavailable, "there is no checkpoint yet: %s", cmp.Or(s.Failure, "the first one is made soon after the start"))
	}
	out := admin.SignedCheckpoint{Size: s.Size, Checkpoint: string(s.File), Keys: s.Keys}
	if q.Old > s.Size {
		return out, admin.Errorf(admin.InvalidRequest, "old size %d: the checkpoint has %d records", q.Old, s.Size)
	}
	c, err := tlog.ParseCheckpoint(s.File)
	if err == nil {
		out.Consistency, err = tlog.FilesOf(filepath.Join(n.Data, logFolder), n.Domains.Node()).Consistency(q.Old, c)
	}
	return out, err
}
