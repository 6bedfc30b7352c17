package node

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"trent/internal/admin"
	"trent/internal/auditindex"
	"trent/internal/domains"
	"trent/internal/secret"
)

// indexFolder is that of the audit trail's index in a data folder.
const indexFolder = "audit-index"

// indexShare leaves the processors to requests: the index has a fortieth of one.
// Making that of a segment takes about a tenth of a second of it, so it keeps up
// with ten thousand calls a second.
const indexShare = 40

// openIndex makes the trail's index, which is filled in the background.
func (n *Node) openIndex() error {
	records, err := n.records(context.Background(), domains.Global)
	if err != nil {
		return err
	}
	key := records.MAC("audit index", nil) // who copies the files cannot try which names stand in them
	n.index = &auditindex.Index{Trail: n.trailFolder(), Opener: n.sealed(), Key: secret.New(key[:]), Folder: filepath.Join(n.Data, indexFolder), Wake: n.unindexed, Log: n.Log, Share: indexShare}
	n.start(n.index.Run)
	return nil
}

// segmentEnded is called when a segment of the trail has ended.
func (n *Node) segmentEnded() {
	for _, wake := range [...]chan struct{}{n.undigested, n.unindexed} {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// AuditRecords finds audit records.
func (n *Node) AuditRecords(ctx context.Context, in admin.AuditQuery) (admin.AuditPage, error) {
	if err := n.errStarting(); err != nil {
		return admin.AuditPage{}, err
	}
	if in.Limit < 0 || in.Limit > admin.MaxPage {
		return admin.AuditPage{}, admin.Errorf(admin.InvalidRequest, "limit %d: want 1 to %d", in.Limit, admin.MaxPage)
	}
	q := auditindex.Query{Terms: terms(&in), Since: in.Since, Until: in.Until, NewestFirst: in.Newest, Limit: pageLimit(in.Limit)}
	if in.After != "" {
		after, ok := readPosition(in.After)
		if !ok {
			return admin.AuditPage{}, admin.Errorf(admin.InvalidRequest, "after %q: want what a page named as the next", in.After)
		}
		q.After = after
	}
	found, err := n.index.Find(ctx, q)
	if errors.Is(err, auditindex.ErrQuery) {
		return admin.AuditPage{}, admin.Errorf(admin.InvalidRequest, "%v", err)
	}
	if err != nil {
		return admin.AuditPage{}, err
	}
	page := admin.AuditPage{Records: make([]admin.RawRecord, 0, len(found.Found)), Damaged: found.Damaged}
	for _, f := range found.Found {
		page.Records = append(page.Records, f.JSON)
	}
	if found.More {
		page.Next = writePosition(found.Next)
	}
	return page, nil
}

func writePosition(p auditindex.Position) string {
	return fmt.Sprintf("%x.%d.%d.%d", p.Node, p.Epoch, p.Segment, p.Offset)
}

// readPosition reads what writePosition writes, and nothing else.
func readPosition(text string) (p auditindex.Position, ok bool) {
	var node []byte
	if _, err := fmt.Sscanf(text, "%32x.%d.%d.%d", &node, &p.Epoch, &p.Segment, &p.Offset); err != nil || len(node) != len(p.Node) {
		return p, false
	}
	p.Node = [16]byte(node)
	return p, p.Offset >= 0 && text == writePosition(p)
}

// terms are what a record must have.
func terms(in *admin.AuditQuery) (all []auditindex.Term) {
	for _, t := range [...]auditindex.Term{
		{Kind: auditindex.Resource, Value: in.Key}, {Kind: auditindex.Principal, Value: in.Principal}, {Kind: auditindex.Operation, Value: in.Operation},
		{Kind: auditindex.Source, Value: in.Source}, {Kind: auditindex.Result, Value: in.Result}, {Kind: auditindex.Request, Value: in.Request},
		{Kind: auditindex.Event, Value: in.Event}, {Kind: auditindex.Account, Value: in.Account}, {Kind: auditindex.Region, Value: in.Region},
	} {
		if t.Value != "" {
			all = append(all, t)
		}
	}
	for _, pair := range in.Context {
		all = append(all, auditindex.Term{Kind: auditindex.Context, Value: pair})
	}
	return all
}
