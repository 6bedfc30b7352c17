package cloudtrail

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"trent/internal/apierr"
	"trent/internal/auditindex"
	"trent/internal/awsjson"
	"trent/internal/call"
)

const (
	// LookupEvents is the operation's name.
	LookupEvents = "LookupEvents"
	maxResults   = 50
	// kept is how far back an event history goes.
	kept = 90 * 24 * time.Hour
	// work is what a request looks at, in bytes of the trail and its index.
	work = 64 << 20
)

// lookupEvents reads the event history of the caller's account in the Region that
// the request is signed for, newest first.
type lookupEvents struct {
	*history
	attribute  attribute
	attributes int // that were given
	start, end time.Time
	category   string
	results    int32 // 0: as many as there can be
	given      bool  // results
	token      string
}

// attribute is what events are looked up by.
type attribute struct{ key, value string }

// Run looks up a page.
func (in *lookupEvents) Run(ctx context.Context, c *call.JSON, dst []byte) ([]byte, error) {
	q, err := in.query(ctx, c)
	if err != nil {
		return dst, err
	}
	if !in.rates.take(auditindex.HistoryOf(c.Caller.Account, c.Region), c.Time) {
		return dst, errRate()
	}
	if in.category == insight || q.Since.After(q.Until) && !q.Until.IsZero() { // there are no such events
		return append(dst, `{"Events":[]}`...), nil
	}
	end, err := in.turn(ctx)
	if err != nil {
		return dst, err
	}
	defer end()
	page, err := in.Records.Find(ctx, q)
	if errors.Is(err, auditindex.ErrQuery) {
		return dst, errToken()
	}
	if err != nil {
		return dst, err
	}
	for _, text := range page.Damaged {
		in.Log.Error("LookupEvents: part of the audit trail cannot be read", "what", text)
	}
	if len(page.Damaged) > 0 { // a history with holes would not say so
		return dst, apierr.Internal(errors.New("part of the audit trail cannot be read"))
	}
	next := ""
	if page.More {
		if next, err = in.seal(ctx, c, page.Next); err != nil {
			return dst, err
		}
	}
	return in.answer(dst, c.Caller.Account, &page, next), nil
}

// query is what is looked for in the trail.
func (in *lookupEvents) query(ctx context.Context, c *call.JSON) (q auditindex.Query, err error) {
	q = auditindex.Query{
		Terms: []auditindex.Term{{Kind: auditindex.History, Value: auditindex.HistoryOf(c.Caller.Account, c.Region)}},
		Since: c.Time.Add(-kept), NewestFirst: true, Limit: maxResults, Work: work,
	}
	// What an account must not know of another account's calls must not count
	// either: a page's end would tell it.
	q.Keep = func(record []byte) bool {
		e := eventOf(record, c.Caller.Account)
		return e.shows(in.attribute)
	}
	if in.attribute.key != "" {
		q.Terms = append(q.Terms, auditindex.Term{Kind: kinds[in.attribute.key], Value: in.attribute.value})
	}
	if in.given {
		q.Limit = int(in.results)
	}
	if !in.end.IsZero() && in.end.Before(q.Since) {
		return q, apierr.New(apierr.InvalidTimeRange, "The end time must be within the last 90 days.")
	}
	if in.start.After(q.Since) {
		q.Since = in.start
	}
	q.Since, q.Until = ceil(q.Since), in.end.Truncate(time.Second)
	if in.token != "" {
		q.After, err = in.open(ctx, c)
	}
	return q, err
}

// ceil is the first whole second that is not before t.
func ceil(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}

// turn waits until the lookup may search the trail.
func (in *lookupEvents) turn(ctx context.Context) (end func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, searchWait)
	defer cancel()
	select {
	case in.turns <- struct{}{}:
		return func() { <-in.turns }, nil
	case <-ctx.Done():
		return nil, errRate()
	}
}

// answer appends the page, whose events are in the order of their times: those of
// the trail can be a little out of it.
func (in *lookupEvents) answer(dst []byte, account string, page *auditindex.Page, next string) []byte {
	events := make([]event, 0, len(page.Found))
	for _, found := range page.Found {
		events = append(events, eventOf(found.JSON, account))
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(b.time, a.time) })
	dst = append(dst, `{"Events":[`...)
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = events[i].appendJSON(dst)
	}
	dst = append(dst, ']')
	if next != "" {
		dst = awsjson.AppendString(append(dst, `,"NextToken":`...), next)
	}
	return append(dst, '}')
}
