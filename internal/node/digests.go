package node

import (
	"context"
	"fmt"

	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/digest"
	"trent/internal/domains"
	"trent/internal/record"
	"trent/internal/store"
)

// eventCreateAuditKey is the record of a new key that signs the trail's digests.
const eventCreateAuditKey = "CreateAuditKey"

// openDigests holds the trail against its last digest. What the outbox had is in
// the trail by then; nothing else is.
func (n *Node) openDigests(ctx context.Context) (err error) {
	signer := n.signer()
	if _, err := signer.Keys(ctx); err != nil { // the first start makes them
		return err
	}
	if _, err := n.checkpointSigner().Keys(ctx); err != nil {
		return err
	}
	n.digests, err = digest.Open(ctx, digest.Config{
		Dir: n.trailFolder(), Node: n.Domains.Node(), Trail: n.trail, Signer: signer,
		Settle: n.settle, Every: n.DigestEvery, Wake: n.undigested, Made: n.digestMade, Now: n.Now, Log: n.Log,
	})
	if err != nil {
		return fmt.Errorf("open the audit trail's digests: %w", err)
	}
	return nil
}

// settle brings the events of every change up to a revision into the trail.
func (n *Node) settle(ctx context.Context) (revision int64, err error) {
	_, rev, err := n.store.Get(ctx, record.StorePath())
	if err != nil {
		return 0, err
	}
	regions, err := n.Domains.Stored(ctx)
	if err != nil {
		return 0, err
	}
	return int64(rev), n.outbox.Drain(ctx, regions)
}

// auditKeyMade is the write of the record of a new signing key.
func (n *Node) auditKeyMade(k digest.Key) (store.Op, error) {
	records, err := n.records(context.Background(), domains.Global)
	if err != nil {
		return store.Op{}, err
	}
	details := awsjson.AppendString([]byte(`{"algorithm":`), k.Algorithm)
	details = awsjson.AppendString(append(details, `,"keyId":`...), k.ID)
	e := n.serviceEvent(eventCreateAuditKey, record.Global, append(details, '}'))
	return audit.OutboxOp(records, record.Global, e.EventID, e.AppendJSON(nil))
}

// signer signs digests; its keys are made when they are first asked for.
func (n *Node) signer() *domains.Signer {
	return &domains.Signer{Manager: n.Domains, Made: n.auditKeyMade}
}
