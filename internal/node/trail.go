package node

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"trent/internal/audit"
	"trent/internal/digest"
	"trent/internal/domains"
	"trent/internal/identity"
	"trent/internal/record"
	"trent/internal/store"
)

// ErrTrailThere: Config.NewTrail stands for nothing, as the trail is there.
var ErrTrailThere = errors.New("the audit trail is there, and no new one is begun: start without --new-audit-trail")

// eventReplaceTrail is the record with which a trail begins in place of a lost one.
const eventReplaceTrail = "ReplaceAuditTrail"

// trailFolder is the audit trail's.
func (n *Node) trailFolder() string { return filepath.Join(n.Data, "audit") }

// beginEpoch opens the audit trail where the store knows that it ended, and lets
// the store know of the new epoch. If the trail is lost, that is an error, unless
// Config says to go on; nothing is ever numbered anew under the same node id.
func (n *Node) beginEpoch(ctx context.Context) error {
	hooks := n.auditHooks()
	err := n.continueTrail(ctx, hooks)
	switch {
	case errors.Is(err, audit.ErrLost) && (n.Dev || n.NewTrail):
		if err := n.replaceTrail(ctx); err != nil {
			return fmt.Errorf("begin a new audit trail: %w", err)
		}
		err = n.continueTrail(ctx, hooks)
	case errors.Is(err, audit.ErrLost):
		return fmt.Errorf("%w: is its volume mounted? Put the trail back from your copy; or, if it is gone for good, start once with --new-audit-trail, which begins another under a new node id and records that", err)
	case err == nil && n.NewTrail:
		return ErrTrailThere
	}
	if err != nil {
		return fmt.Errorf("open the audit trail: %w", err)
	}
	return n.Domains.SetEpoch(ctx, n.trail.Head().Epoch)
}

func (n *Node) continueTrail(ctx context.Context, hooks audit.Hooks) (err error) {
	known := n.Domains.Trail()
	covered, err := digest.Covered(ctx, n.trailFolder(), known.Node, n.signer(), n.Log)
	if err != nil {
		return err
	}
	n.trail, err = audit.Open(ctx, n.trailFolder(), audit.Options{Node: known.Node, Began: known.Epoch, Covered: covered, Mode: n.Audit, StallTimeout: n.StallTimeout, Logger: n.Log, Hooks: hooks})
	return err
}

// replaceTrail gives the node another id, and has the new trail begin with a
// record of the lost one.
func (n *Node) replaceTrail(ctx context.Context) error {
	records, err := n.records(ctx, domains.Global)
	if err != nil {
		return err
	}
	return n.Domains.RenameNode(ctx, func(lost, begins domains.Trail) (store.Op, error) {
		n.Log.Error("the audit trail is lost: a new one begins under another node id", "lost_node", hex.EncodeToString(lost.Node[:]),
			"lost_epoch", lost.Epoch, "node", hex.EncodeToString(begins.Node[:]))
		by := identity.Operator{UID: uint32(os.Geteuid())}
		e := by.Event(eventReplaceTrail, "", n.Now())
		e.EventID = n.events.New()
		e.RequestParameters = fmt.Appendf(nil, `{"lostNode":"%x","lostEpoch":"%d","node":"%x"}`, lost.Node, lost.Epoch, begins.Node)
		return audit.OutboxOp(records, record.Global, e.EventID, e.AppendJSON(nil))
	})
}

// beginsTrail knows the event with which this node's trail has to begin: the one
// of replaceTrail. Others may wait in the outbox since before the loss, and one of
// an earlier loss, which names another node, among them.
func (n *Node) beginsTrail(event []byte) bool {
	return bytes.Contains(event, []byte(`"eventName":"`+eventReplaceTrail+`"`)) && bytes.Contains(event, fmt.Appendf(nil, `"node":"%x"`, n.Domains.Node()))
}

// errDiscards: a benchmark's build must serve nobody.
var errDiscards = errors.New("this build discards audit records (build tag auditdiscard): it is a benchmark's, and only trent dev runs with it")

// checkBuild refuses to serve with a build that writes no audit records.
func (n *Node) checkBuild() error {
	if !audit.Discards {
		return nil
	}
	if !n.Dev {
		return errDiscards
	}
	n.Log.Error("THIS BUILD DISCARDS AUDIT RECORDS: it is a benchmark's")
	return nil
}
