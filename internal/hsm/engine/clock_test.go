package engine

import (
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/hsm/proto"
)

// clocks are a wall clock and one that nobody can set.
type clocks struct{ wall, elapsed atomic.Int64 }

func newClocks() *clocks {
	c := new(clocks)
	c.wall.Store(testTime.UnixNano())
	return c
}

func (c *clocks) config(cfg *Config) {
	cfg.Now = func() time.Time { return time.Unix(0, c.wall.Load()) }
	cfg.Elapsed = func() time.Duration { return time.Duration(c.elapsed.Load()) }
}

// pass lets time pass, set sets the wall clock forward or back.
func (c *clocks) pass(d time.Duration) { c.wall.Add(int64(d)); c.elapsed.Add(int64(d)) }
func (c *clocks) set(d time.Duration)  { c.wall.Add(int64(d)) }

// TestClock has histories of a machine's clock. After each step and each
// passage of time the engine carries out a command.
func TestClock(t *testing.T) {
	t.Parallel()
	type step struct{ pass, set time.Duration }
	const day = 24 * time.Hour
	settled := step{pass: clockSettles}
	for name, c := range map[string]struct {
		steps []step
		mute  bool
	}{
		"nothing":                       {nil, false},
		"a year of running":             {[]step{settled, {pass: 365 * day}}, false},
		"a year forward":                {[]step{settled, {set: 365 * day}}, false},
		"five minutes back":             {[]step{settled, {set: -clockStepBack}}, false},
		"a second more":                 {[]step{settled, {set: -clockStepBack - time.Second}}, true},
		"little by little":              {[]step{settled, {set: -3 * time.Minute}, {set: -3 * time.Minute}}, true},
		"little by little, with time":   {[]step{settled, {set: -3 * time.Minute}, {pass: 2 * day}, {set: -3 * time.Minute}}, true},
		"slower than time passes":       {[]step{settled, {pass: 10 * time.Minute, set: -9 * time.Minute}}, true},
		"forward and back":              {[]step{settled, {set: day}, {pass: time.Minute}, {set: -day}}, false},
		"forward and back, and more":    {[]step{settled, {set: day}, {set: -day - 6*time.Minute}}, true},
		"forward, believed, and back":   {[]step{settled, {set: day}, {pass: clockSettles}, {set: -day}}, true},
		"forward twice, once believed":  {[]step{settled, {set: day}, {pass: clockSettles}, {set: day}, {set: -day}}, false},
		"forward again before belief":   {[]step{settled, {set: day}, {pass: clockSettles / 2}, {set: day}, {pass: clockSettles / 2}, {set: -2 * day}}, false},
		"back and forward in the hour":  {[]step{settled, {set: day}, {pass: clockSettles / 2}, {set: -day}, {set: day}, {pass: clockSettles / 2}, {set: -day}}, false},
		"local time until it is set":    {[]step{{pass: time.Minute}, {set: -2 * time.Hour}, settled, {pass: day}}, false},
		"local time for too long":       {[]step{settled, {set: -2 * time.Hour}}, true},
		"corrected at the start, twice": {[]step{{set: -time.Hour}, {set: -time.Hour}, settled, {set: -6 * time.Minute}}, true},
		"before the program":            {[]step{{set: -3 * 365 * day}}, true},
	} {
		clocks := newClocks()
		e := newEngine(t, clocks.config)
		key, tok := defaultKey(t, e), domainToken(t, e)
		muted := false
		for _, s := range c.steps {
			clocks.pass(s.pass)
			clocks.set(s.set)
			_, status := e.GenerateRandom(&proto.GenerateRandomRequest{Bytes: 1}, nil)
			muted = muted || status == proto.StatusMute
		}
		if muted != c.mute || e.Muted() != c.mute {
			t.Errorf("%s: mute %v", name, muted)
		}
		if c.mute {
			clocks.set(testTime.Sub(time.Unix(0, clocks.wall.Load()))) // a clock that is right again does not help
			isMute(t, e, key, tok, "clock")
		}
	}
	at := time.Date(2024, 12, 31, 23, 59, 59, 0, time.UTC)
	if e := New(Config{Domains: newSet(t, false), Now: func() time.Time { return at }}); !e.Muted() {
		t.Error("serves in 2024")
	}
}

// TestClockOfTheMachine: without Elapsed, the monotonic reading counts.
func TestClockOfTheMachine(t *testing.T) {
	t.Parallel()
	e := New(Config{Domains: newSet(t, false)})
	e.start, e.belief.pending = e.start.Add(-time.Hour), false // as if it ran for an hour
	if now, ok := e.clock(); !ok || now < earliestClock {
		t.Errorf("%d, %v", now, ok)
	}
	if off := e.belief.next - time.Duration(e.start.UnixNano()); off.Abs() > time.Minute {
		t.Errorf("%v from the start's time", off)
	}
}
