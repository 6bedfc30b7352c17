package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"trent/internal/arn"
	"trent/internal/evidence/replay"
)

// maxQuestions bounds how often a report asks what one principal, or one grant, could
// do with one key at one moment: some minutes' work.
const maxQuestions = 1_000_000

// replay hands an event to the replay of principals, and keeps what it changes of keys.
func (c *Collector) replay(e *event) {
	if e.ErrorCode == "" || e.Additional.OutcomeUnknown != "" {
		c.world.Seen(&replay.Event{Order: c.order, Caller: e.UserIdentity.AccountID, Partition: e.partition()})
	}
	if !e.changed() || e.EventName == refusedCalls {
		return
	}
	// Records of changes are in the order of their commits. A call that had nothing to
	// change is recorded at once, and its record may stand before those of earlier calls.
	if e.EventTime.After(c.clock) {
		c.clock = e.EventTime
	}
	if !c.clock.Before(c.period.From) {
		c.world.Begin(c.order)
	}
	r := &replay.Event{
		Order: c.order, Time: e.EventTime, Source: e.EventSource, Name: e.EventName, ID: e.EventID, Region: e.Region, Account: e.Recipient,
		Caller: e.UserIdentity.AccountID, Partition: e.partition(), Grant: e.Additional.GrantID, Unknown: e.Additional.OutcomeUnknown != "",
		Parameters: e.RequestParams, Response: e.Response,
	}
	r.State, _ = e.stateOf()
	for i := range e.Resources {
		if _, ok := placeOf(e.Resources[i].ARN); ok {
			r.Keys = append(r.Keys, e.Resources[i].ARN)
		}
	}
	for name, change := range c.world.Keys(r) {
		if p, ok := placeOf(name); ok && c.wants(p) {
			c.addJSON(sectionKey, p.about(), rowReplay, fmt.Sprintf("%016x", c.order), change)
		}
	}
	c.world.Apply(r)
}

// partition is that of the first ARN in an event.
func (e *event) partition() string {
	for i := range e.Resources {
		if p := arn.Parse(e.Resources[i].ARN).Partition; p != "" {
			return p
		}
	}
	return arn.ParsePrincipal(e.UserIdentity.ARN).Partition
}

// beginReplay has the replay know what of the trail is missing.
func (r *Report) beginReplay(p *Prover) {
	c := r.Collector
	c.world.Begin(c.order + 1)
	nodes := p.report.Nodes
	switch {
	case !p.Sound():
		c.world.Lose(0, r.Made, "the audit trail is not what was written")
	case len(nodes) != 1 && c.reset.IsZero():
		c.world.Lose(0, r.Made, "the records are of more than one trail")
	case len(nodes) != 1:
		c.world.Lose(0, c.reset, "the service's state was replaced ("+c.resetName+")")
	case nodes[0].Closed > 0:
		c.world.Lose(0, r.Made, "encrypted segments were not opened")
	case nodes[0].First != 1 || nodes[0].Predecessor != "":
		c.world.Lose(0, time.Time{}, "the trail does not go back to the service's beginning")
	}
}

// timeline is who could use the key of the section that ends.
func (w *writer) timeline() replay.Timeline {
	to := w.Collector.period.To
	if w.Made.Before(to) {
		to = w.Made
	}
	var live *replay.Live
	if now := w.key.Now; now != nil {
		live = &replay.Live{Holders: now.Holders, State: now.State}
	}
	return w.replay.Timeline(w.Collector.period.From, to, w.Made, live, &w.questions)
}

// replayed takes a change of the key.
func (w *writer) replayed(value []byte) error {
	var c replay.KeyChange
	if err := json.Unmarshal(value, &c); err != nil {
		return errors.Join(errors.New("evidence: temporary file"), err)
	}
	w.replay.Add(&c)
	return nil
}
