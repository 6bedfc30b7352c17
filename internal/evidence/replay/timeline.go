package replay

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"trent/internal/explain"
)

// Timeline is who could use a key from moment to moment of a period.
type Timeline struct {
	// Complete: the intervals cover the whole period, or as much of it as there was
	// the key.
	Complete bool   `json:"complete"`
	Why      string `json:"why,omitempty"` // they do not
	// Compared: what the records lead to at their end is what the service said. Nothing
	// is told that the service contradicts.
	Compared  bool       `json:"compared"`
	Intervals []Interval `json:"intervals"` // in order of time
}

// Interval is a time in which nothing changed who could use the key.
type Interval struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`              // the next begins then, or the period ends
	State string    `json:"state,omitempty"` // AWS: KeyState, if a record tells it
	By    *Cause    `json:"by,omitempty"`    // what made it begin; nil: the period's begin, or a gap
	AsNow bool      `json:"asNow"`           // the holders are those of the moment of the report
	// Holders are those at the begin, left out with AsNow. Behind another interval, without
	// a gap, stand in their place those who came or may do something else since it, and
	// those who went or could do something else in it.
	Holders []explain.Holder `json:"holders,omitempty"`
	Gained  []explain.Holder `json:"gained,omitempty"`
	Lost    []explain.Holder `json:"lost,omitempty"`
	Follows bool             `json:"follows"` // there is no gap before it
}

// Cause is a record's operation and event id.
type Cause struct {
	Operation string `json:"operation"`
	EventID   string `json:"eventId"`
}

// Live is what the service said of a key.
type Live struct {
	Holders []explain.Holder
	State   string
}

// Bounds of one timeline.
const maxSteps = 1000

// Key takes the changes of one key, in order.
type Key struct {
	world *World
	name  string // ARN
	state state
	steps []step // in the period and behind it
	over  Loss
	last  time.Time // of the last change of who can use it
}

// step is a change of the key, or of principals.
type step struct {
	order   uint64
	time    time.Time
	cause   Cause
	key     *KeyChange
	account *account // whose principals were changed
	touched []who
	made    bool // the account itself
}

// Key begins with a key of which nothing is known yet.
func (w *World) Key(name string) *Key { return &Key{world: w, name: name} }

// Add takes a change.
func (k *Key) Add(c *KeyChange) {
	switch {
	case c.Order < k.world.began || !k.world.recording:
		if k.state.apply(k.world, k.name, c) != movesNothing {
			k.last = later(k.last, c.Time)
		}
	case len(k.steps) == maxSteps:
		if k.over.Why == "" {
			k.over = Loss{c.Order, c.Time, "there are more changes of the key than this report follows; ask for a shorter period"}
		}
	default:
		k.steps = append(k.steps, step{order: c.Order, time: c.Time, cause: Cause{c.What, c.ID}, key: c})
	}
}

// collect adds the changes of principals that may have to do with the key, and says
// from where on something is lost.
func (k *Key) collect() (lost Loss) {
	accounts := map[string]bool{}
	first := func(l Loss) {
		if l.Why != "" && (lost.Why == "" || l.Order < lost.Order) {
			lost = l
		}
	}
	end := k.state
	end.accounts(accounts)
	end.grants = maps.Clone(end.grants)
	for i := range k.steps {
		if moved := end.apply(k.world, k.name, k.steps[i].key); moved != movesNothing {
			k.last = later(k.last, k.steps[i].time)
		}
		if k.steps[i].key.Grant != nil || k.steps[i].key.Policy != nil {
			end.accounts(accounts)
		}
	}
	if end.key == nil {
		first(Loss{Why: "no record of its making is in the trail"})
	}
	first(end.lost)
	first(k.world.lost)
	first(k.over)
	for id := range accounts {
		if a := k.world.accounts[id]; a != nil {
			first(a.lost)
			k.principals(a)
		}
	}
	slices.SortStableFunc(k.steps, func(a, b step) int { return cmp.Compare(a.order, b.order) })
	for i := range k.steps {
		if k.steps[i].key == nil && k.steps[i].time.After(k.last) {
			k.last = k.steps[i].time
		}
	}
	if lost.Why != "" { // whose principals count is not known either
		for _, a := range k.world.accounts {
			k.last = later(k.last, a.changed)
		}
		k.last = later(k.last, later(k.world.settled, k.over.Time))
	}
	return lost
}

// principals adds the changes of an account's principals.
func (k *Key) principals(a *account) {
	if a.since >= k.world.began && a.since > 0 {
		k.steps = append(k.steps, step{order: a.since, account: a, made: true, cause: Cause{Operation: "CreateAccount"}})
	}
	of := map[uint64]int{}
	for name, p := range a.principals {
		for i := range p.versions {
			v := &p.versions[i]
			if v.order == 0 {
				continue
			}
			at, ok := of[v.order]
			if !ok {
				at = len(k.steps)
				of[v.order] = at
				k.steps = append(k.steps, step{order: v.order, time: v.time, account: a, cause: Cause{v.event, v.id}})
			}
			k.steps[at].touched = append(k.steps[at].touched, name)
		}
	}
}

// Timeline tells who could use the key in a period. made is when the service was asked
// for live, which is nil if it has no such key or was not asked. budget is how many
// questions may be asked, and goes down.
func (k *Key) Timeline(from, to, made time.Time, live *Live, budget *int) (t Timeline) {
	lost := k.collect()
	if live != nil && k.last.Before(from) {
		return Timeline{Complete: true, Intervals: []Interval{{From: from, To: to, State: live.State, AsNow: true}}}
	}
	r := run{
		Key: k, from: from, to: to, made: made, live: live, lost: lost,
		survey: survey{world: k.world, state: &k.state, budget: budget},
	}
	if live != nil {
		r.now = byKey(live.Holders)
	}
	t = r.run()
	if !t.Complete {
		t.Intervals = append(t.Intervals, k.since(&t, to, live)...)
	}
	return t
}

// since is what is certain in any case: from the last change on everybody could what
// he can now.
func (k *Key) since(t *Timeline, to time.Time, live *Live) []Interval {
	if live == nil || !k.last.Before(to) {
		return nil
	}
	for i := range t.Intervals {
		if t.Intervals[i].To.After(k.last) {
			return nil
		}
	}
	return []Interval{{From: k.last, To: to, State: live.State, AsNow: true}}
}

// run makes one timeline.
type run struct {
	*Key
	survey         survey
	from, to, made time.Time
	live           *Live
	now            map[string]string
	lost           Loss

	timeline Timeline
	holders  []explain.Holder // of the last interval
}

func (r *run) run() Timeline {
	if r.lost.Why != "" && r.lost.Order < r.world.began || !r.world.recording {
		return Timeline{Why: r.lost.Why, Intervals: []Interval{}}
	}
	r.timeline.Intervals = []Interval{}
	if err := r.survey.all(r.world.began - 1); err != nil {
		return Timeline{Why: err.Error(), Intervals: []Interval{}}
	}
	if r.state.key != nil && !r.state.gone {
		r.show(r.from, nil)
	}
	for i := 0; i < len(r.steps); i++ {
		s := &r.steps[i]
		if r.lost.Why != "" && s.order >= r.lost.Order {
			return r.stop(r.lost.Time, r.lost.Why)
		}
		if !s.time.Before(r.made) && r.equal() {
			break
		}
		if *r.survey.budget < 0 {
			return r.stop(s.time, "the report was made of so many keys and changes that this one's was left out; ask for this key alone")
		}
		moved, err := r.step(s)
		if err != nil {
			return r.stop(s.time, err.Error())
		}
		if !s.time.After(r.to) && moved {
			r.show(s.time, &s.cause)
		}
	}
	return r.end()
}

// stop ends the intervals where something is lost.
func (r *run) stop(at time.Time, why string) Timeline {
	t := &r.timeline
	if t.Why = why; !at.After(r.to) {
		if n := len(t.Intervals); n > 0 {
			t.Intervals[n-1].To = later(at, t.Intervals[n-1].From)
		}
		return *t
	}
	t.Complete = true // what is lost is behind the period
	t.Why = "what the service says now was not compared: " + why
	return *t
}

// end compares what has come out with what the service says.
func (r *run) end() Timeline {
	t := &r.timeline
	t.Complete = true
	switch {
	case r.live == nil:
	case r.equal():
		t.Compared = true
	default:
		return Timeline{Why: "what the records lead to is not what the service says now, so nothing is told of the time before", Intervals: []Interval{}}
	}
	return *t
}

// equal reports whether the holders are those of the service.
func (r *run) equal() bool {
	if r.live == nil {
		return false
	}
	return same(r.now, byKey(r.survey.holders()))
}

// step carries out a step and says whether it can have moved who can use the key.
func (r *run) step(s *step) (moved bool, err error) {
	switch {
	case s.made:
		return true, r.survey.all(s.order)
	case s.key != nil:
		phase := r.state.phase
		switch r.state.apply(r.world, r.name, s.key) {
		case movesAll:
			return true, r.survey.all(s.order)
		case movesGrants:
			return true, r.survey.grants(s.order)
		}
		return phase != r.state.phase, nil
	case r.state.key == nil || r.state.gone:
		return false, nil
	}
	if slices.Contains(explain.Accounts(r.state.key), s.account.id) {
		for _, name := range s.touched {
			r.survey.principal(s.account, name, s.account.principals[name].at(s.order))
		}
		moved = true
	}
	if r.survey.grantsOf(s.account.id) {
		return true, r.survey.grants(s.order)
	}
	return moved, nil
}

// show begins an interval, if it differs from the one before.
func (r *run) show(at time.Time, by *Cause) {
	t := &r.timeline
	holders := r.survey.holders()
	n := len(t.Intervals)
	at = later(at, r.from)
	if n > 0 {
		at = later(at, t.Intervals[n-1].From)
		last := &t.Intervals[n-1]
		gained, lost := difference(r.holders, holders)
		if len(gained)+len(lost) == 0 && last.State == r.state.phase {
			return
		}
		last.To = at
		if r.holders = holders; r.state.gone {
			return
		}
		t.Intervals = append(t.Intervals, Interval{From: at, To: r.to, State: r.state.phase, By: by, Gained: gained, Lost: lost, Follows: true})
	} else {
		r.holders = holders
		t.Intervals = append(t.Intervals, Interval{From: at, To: r.to, State: r.state.phase, By: by, Holders: holders})
	}
	if last := &t.Intervals[len(t.Intervals)-1]; r.live != nil && same(r.now, byKey(holders)) {
		last.AsNow, last.Holders = true, nil
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// byKey are holders by name, as they compare.
func byKey(all []explain.Holder) map[string]string {
	m := make(map[string]string, len(all))
	for i := range all {
		b, err := json.Marshal(all[i].Access)
		if err != nil {
			panic(err) // of strings and numbers
		}
		m[holderKey(&all[i])] += string(b)
	}
	return m
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, access := range a {
		if b[name] != access {
			return false
		}
	}
	return true
}

// difference is who came and who went; who may do something else, both.
func difference(before, after []explain.Holder) (gained, lost []explain.Holder) {
	had, has := byKey(before), byKey(after)
	for i := range after {
		if name := holderKey(&after[i]); had[name] != has[name] {
			gained = append(gained, after[i])
		}
	}
	for i := range before {
		if name := holderKey(&before[i]); had[name] != has[name] {
			lost = append(lost, before[i])
		}
	}
	return gained, lost
}
