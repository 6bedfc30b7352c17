package twin

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"trent/internal/node"
	"trent/internal/record"
)

// clockTimeout bounds the wait for the jobs that a moved clock made due.
const clockTimeout = 30 * time.Second

// clock is the answer of /_trent/clock: the service's time, and how far it
// stands ahead of the system's.
type clock struct {
	Now   time.Time `json:"now"`
	Ahead string    `json:"ahead"` // a duration such as 720h0m0s
}

// due is work that a moved clock has made due and that is not done yet.
type due struct {
	Job     string    `json:"job"` // delete, rotate, rewrap
	Region  string    `json:"region"`
	Account string    `json:"account,omitempty"`
	KeyID   string    `json:"keyId,omitempty"`
	At      time.Time `json:"at"`
}

// getClock is GET /_trent/clock.
func (t *Twin) getClock(context.Context, []byte) (any, error) {
	now := t.Now()
	return clock{Now: now.UTC(), Ahead: time.Until(now).Round(time.Second).String()}, nil
}

// postClock is POST /_trent/clock: {"advance":"30d"} or {"set":"2027-01-02T15:04:05Z"}.
func (t *Twin) postClock(ctx context.Context, body []byte) (any, error) {
	var in struct{ Advance, Set string }
	if err := decode(body, &in); err != nil {
		return nil, err
	}
	to, err := target(t.Now(), in.Advance, in.Set)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	left, err := t.moveClock(ctx, to)
	switch {
	case errors.Is(err, node.ErrClock):
		return nil, bad(err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		r := refuse(http.StatusGatewayTimeout, "the clock has moved, and not everything that is due has been done within "+clockTimeout.String()+": "+err.Error())
		for _, d := range left {
			row := due{Job: d.Job, Region: d.Region, At: d.At.UTC()}
			if d.KeyID != "-" {
				row.Account, row.KeyID = d.Account, d.KeyID
			}
			r.Due = append(r.Due, row)
		}
		return nil, r
	case err != nil:
		return nil, err
	}
	return t.getClock(ctx, nil)
}

// moveClock moves the node's clock. The node stays while it does, and the
// service does not wait for it to end.
func (t *Twin) moveClock(ctx context.Context, to time.Time) ([]record.Due, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.over, cancel)()
	t.serving.RLock()
	defer t.serving.RUnlock()
	if t.node == nil {
		return nil, errGone
	}
	return t.node.MoveClock(ctx, to)
}

// target is the time that a request wants the clock to show.
func target(now time.Time, advance, set string) (time.Time, error) {
	switch {
	case (advance == "") == (set == ""):
		return time.Time{}, bad(`give either "advance", a duration such as 30d or 12h, or "set", a time such as 2027-01-02T15:04:05Z`)
	case set != "":
		to, err := time.Parse(time.RFC3339, set)
		if err != nil {
			return time.Time{}, bad(`"set" is not a time such as 2027-01-02T15:04:05Z`)
		}
		if to.Before(now) {
			return time.Time{}, bad("the clock goes forward only; it is " + now.UTC().Format(time.RFC3339))
		}
		return to, nil
	}
	by, err := duration(advance)
	if err != nil || by < 0 {
		return time.Time{}, bad(`"advance" is not a duration such as 30d, 12h or 1h30m`)
	}
	return now.Add(by), nil
}

// duration is time.ParseDuration that knows whole days too.
func duration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}
