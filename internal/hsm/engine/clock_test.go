package engine

import (
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
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

// TestMoveClock: the time of a development module stands ahead as it was told
// last, never less. Validity periods go by it; the dates of day keys, and what is
// believed of the clock, do not.
func TestMoveClock(t *testing.T) {
	t.Parallel()
	clocks := newClocks()
	e := newEngine(t, clocks.config, func(c *Config) { c.Domains = newSet(t, true) })
	bind := proto.Bind{Region: region, Account: account, ID: keyID}
	expires := forge(t, e, token.KindKey, bind, make([]byte, 32), func(h *token.Header) {
		h.NotAfter, h.Flags = testTime.Add(2*time.Hour).Unix(), token.FlagDev
	})
	secret := sealedSecret(t, e, "AKIA", awsExampleSecret)
	move := func(ahead time.Duration) proto.Status {
		_, status := e.MoveClock(&proto.MoveClockRequest{AheadSeconds: uint32(ahead / time.Second)}, nil)
		return status
	}
	for _, step := range []struct {
		ahead time.Duration
		moved proto.Status
		key   proto.Status // of using the token that expires after two hours
	}{
		{0, proto.StatusOK, proto.StatusOK},
		{time.Hour, proto.StatusOK, proto.StatusOK},
		{time.Hour, proto.StatusOK, proto.StatusOK},
		{3 * time.Hour, proto.StatusOK, proto.StatusTokenRefused},
		{time.Hour, proto.StatusClockRefused, proto.StatusTokenRefused},
		{(1<<32 - 1) * time.Second, proto.StatusOK, proto.StatusTokenRefused},
		{0, proto.StatusClockRefused, proto.StatusTokenRefused},
	} {
		if got := move(step.ahead); got != step.moved {
			t.Errorf("%v ahead: %v, want %v", step.ahead, got, step.moved)
		}
		if _, got := e.Encrypt(&proto.EncryptRequest{Key: expires, Plaintext: []byte("p")}, nil); got != step.key {
			t.Errorf("%v ahead: a token that expires after two hours: %v, want %v", step.ahead, got, step.key)
		}
		day := proto.DayKeyRequest{Key: secret, Date: testTime.Format("20060102"), Region: region, Service: "kms"}
		must(t)(e.DeriveDayKey(&day, nil))
	}
	clocks.pass(clockSettles)
	if _, status := e.GenerateRandom(&proto.GenerateRandomRequest{Bytes: 1}, nil); status != proto.StatusOK {
		t.Errorf("an hour later: %v", status)
	}
	clocks.set(-clockStepBack - time.Second)
	if got := move((1<<32 - 1) * time.Second); got != proto.StatusMute || !e.Muted() {
		t.Errorf("a clock that was set back: %v", got)
	}
	for _, ahead := range []uint32{0, 1} {
		refused(t, proto.StatusClockRefused)(newEngine(t).MoveClock(&proto.MoveClockRequest{AheadSeconds: ahead}, nil))
	}
}
