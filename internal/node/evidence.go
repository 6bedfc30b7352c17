package node

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"trent/internal/admin"
	"trent/internal/awsjson"
	"trent/internal/explain"
)

// Records of an evidence report: before the first key is shown, and when it is made.
const (
	eventStartEvidence = "StartEvidenceReport"
	eventEvidence      = "ReportEvidence"
)

// EvidenceKeys yields the keys of an evidence report, with who can use them, after
// the record of who asked.
func (n *Node) EvidenceKeys(ctx context.Context, by admin.Operator, q admin.EvidenceQuery, yield func(admin.EvidenceKey) error) error {
	if err := n.errStarting(); err != nil {
		return err
	}
	filter := admin.KeyQuery{Region: q.Region, Account: q.Account}
	if err := checkFilters(filter); err != nil {
		return err
	}
	one := admin.KeyName{ID: q.Key, Region: q.Region, Account: q.Account}
	if q.Key != "" { // that it is not there is no reason for a record
		if _, err := n.findKey(ctx, one); err != nil {
			return err
		}
	}
	if _, err := n.recordEvidence(ctx, by, eventStartEvidence, append(period(&q), '}')); err != nil {
		return err
	}
	// So that a digest covers all that the report finds. Without one it says so.
	if _, err := n.digests.Make(ctx); err != nil {
		n.Log.Warn("no audit digest for an evidence report", "error", err)
	}
	if q.Key != "" {
		return n.evidenceKey(ctx, one, yield)
	}
	for {
		page, err := n.Keys(ctx, filter)
		if err != nil {
			return err
		}
		for i := range page.Keys {
			k := &page.Keys[i]
			if err := n.evidenceKey(ctx, admin.KeyName{ID: k.ID, Region: k.Region, Account: k.Account}, yield); err != nil {
				return err
			}
		}
		if filter.After = page.Next; page.Next == "" {
			return nil
		}
	}
}

// evidenceKey yields one key. One that was deleted just now is left out.
func (n *Node) evidenceKey(ctx context.Context, name admin.KeyName, yield func(admin.EvidenceKey) error) error {
	gone := func(err error) bool {
		e, ok := errors.AsType[*admin.Error](err)
		return ok && e.Code == admin.NotFound
	}
	detail, err := n.Key(ctx, name)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	k := admin.EvidenceKey{KeyDetail: detail, Holders: []explain.Holder{}}
	q := admin.WhoQuery{KeyName: admin.KeyName{ID: detail.ARN}}
	for more := true; more; {
		page, err := n.Who(ctx, q)
		if gone(err) {
			return nil
		}
		if err != nil {
			return err
		}
		k.Holders, k.Looked, k.Unlisted = append(k.Holders, page.Holders...), k.Looked+page.Looked, page.Unlisted
		q.After, more = page.Next, page.Next != ""
	}
	return yield(k)
}

// EvidenceMade records that a report was made, and what its files are.
func (n *Node) EvidenceMade(ctx context.Context, by admin.Operator, in admin.EvidenceReport) (admin.Recorded, error) {
	if err := n.errStarting(); err != nil {
		return admin.Recorded{}, err
	}
	for _, text := range [...]string{in.JSON, in.HTML} {
		if hash, err := hex.DecodeString(text); err != nil || len(hash) != 32 {
			return admin.Recorded{}, admin.Errorf(admin.InvalidRequest, "%q: want a SHA-256 of 64 hex digits", text)
		}
	}
	p := period(&in.EvidenceQuery)
	p = awsjson.AppendString(append(p, `,"jsonSha256":`...), in.JSON)
	p = awsjson.AppendString(append(p, `,"htmlSha256":`...), in.HTML)
	p = strconv.AppendBool(append(p, `,"trailSound":`...), in.Sound)
	p = strconv.AppendBool(append(p, `,"periodComplete":`...), in.Proven)
	id, err := n.recordEvidence(ctx, by, eventEvidence, append(p, '}'))
	return admin.Recorded{EventID: id}, err
}

// period begins the parameters of a record with what a report is about.
func period(q *admin.EvidenceQuery) []byte {
	b := awsjson.AppendString([]byte(`{"from":`), q.From.UTC().Format(time.RFC3339))
	b = awsjson.AppendString(append(b, `,"to":`...), q.To.UTC().Format(time.RFC3339))
	for _, m := range [...]struct{ name, value string }{{"region", q.Region}, {"account", q.Account}, {"key", q.Key}} {
		if m.value != "" {
			b = append(awsjson.AppendString(append(b, ','), m.name), ':')
			b = awsjson.AppendString(b, m.value)
		}
	}
	return b
}

// recordEvidence writes a record of an operator's, who gets nothing without it.
func (n *Node) recordEvidence(ctx context.Context, by admin.Operator, name string, parameters []byte) (id string, err error) {
	e := by.Event(name, "", n.Now())
	e.EventID, e.RequestParameters, e.ReadOnly = n.events.New(), parameters, true
	if err := n.trail.Append(ctx, e.AppendJSON(nil)); err != nil {
		return "", admin.Errorf(admin.Unavailable, "the report cannot be recorded, so it is not made: %v", err)
	}
	return e.EventID, nil
}
