package node_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"trent/internal/call"
	"trent/internal/hsm/client/jobs"
	"trent/internal/node"
	"trent/internal/record"
)

// generation is the active generation of a Region's domain in the module.
func (f *fixture) generation(t *testing.T, region string) uint32 {
	t.Helper()
	info, err := f.Domains.Module.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range info.Domains {
		if d.Region == region {
			return d.Active
		}
	}
	t.Fatalf("the module does not hold %s", region)
	return 0
}

// move moves the node's clock and fails the test if anything stays due.
func (f *fixture) move(t *testing.T, by time.Duration) {
	t.Helper()
	if left, err := f.MoveClock(t.Context(), f.Now().Add(by)); err != nil {
		t.Fatalf("%v; still due: %v", err, left)
	}
}

// signal sends the module a signal.
func (f *fixture) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(f.child.Pid(), s); err != nil {
		t.Fatal(err)
	}
}

// TestMoveClock: once the clock has been moved, whatever was due by then has
// been done; signatures go on as before; and the distance outlives a restart.
func TestMoveClock(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 10*day)
	c := f.caller("111122223333")
	id, other := c.createKey(t), c.createKey(t)
	blob := c.encrypt(t, other)
	c.must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 30})

	f.move(t, 9*day)
	if got := f.generation(t, "eu-west-1"); got != 1 {
		t.Errorf("after nine days generation %d is active", got)
	}
	f.move(t, 2*day)
	for _, region := range []string{"eu-west-1", "global"} {
		if got := f.generation(t, region); got != 2 {
			t.Errorf("after eleven days generation %d of %s is active", got, region)
		}
	}
	f.move(t, 18*day)
	if got := c.must(t, "DescribeKey", object{"KeyId": id}).str("KeyMetadata", "KeyState"); got != "PendingDeletion" {
		t.Errorf("after 29 days the key is %s", got)
	}

	f.close(t)
	f.open(t)
	if ahead := time.Until(f.Now()); ahead < 28*day || ahead > 30*day {
		t.Errorf("opened again the clock is %v ahead", ahead)
	}
	f.move(t, 2*day)
	if got := c.call("DescribeKey", object{"KeyId": id}); got.code != "NotFoundException" {
		t.Errorf("after 31 days: %q", got.code)
	}
	c.must(t, "Decrypt", object{"CiphertextBlob": blob})

	now := f.Now()
	for _, to := range []time.Time{now.Add(-time.Hour), now.Add(101 * 365 * day), {}} {
		if _, err := f.MoveClock(t.Context(), to); !errors.Is(err, node.ErrClock) {
			t.Errorf("to %v: %v", to, err)
		}
	}
	if moved := f.Now().Sub(now); moved > time.Hour || moved < 0 {
		t.Errorf("refused, the clock has moved by %v", moved)
	}
}

// TestMovedClockIsFollowed: what is due soon after a move is done then, and not
// when it would have been due before.
func TestMovedClockIsFollowed(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 10*day)
	f.caller("111122223333").createKey(t)
	f.move(t, 10*day-5*time.Second)
	waitFor(t, "the rotation that was due in five seconds", func() bool { return f.generation(t, "eu-west-1") == 2 })
}

// TestModuleIsToldTheTime: as it is moved, and after each start of the module.
func TestModuleIsToldTheTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.move(t, time.Hour)
	less := func() error { return f.Domains.Module.MoveClock(t.Context(), 50*time.Minute) }
	if err := less(); !errors.Is(err, jobs.ClockRefused) {
		t.Errorf("the module's time goes back: %v", err)
	}
	f.signal(t, syscall.SIGKILL)
	waitFor(t, "the killed module is missed", func() bool { return errors.Is(less(), jobs.ErrUnavailable) })
	var err error
	waitFor(t, "the module is back", func() bool { err = less(); return !errors.Is(err, jobs.ErrUnavailable) })
	if !errors.Is(err, jobs.ClockRefused) {
		t.Errorf("started again, the module's time goes back: %v", err)
	}
	f.close(t)
	f.open(t)
	if err := less(); !errors.Is(err, jobs.ClockRefused) {
		t.Errorf("opened again, the module's time goes back: %v", err)
	}
}

// TestWhatIsStillDue: a job that cannot be done in time is named, and done when
// it can be.
func TestWhatIsStillDue(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 400*day)
	c := f.caller("111122223333")
	id := c.createKey(t)
	c.must(t, "ScheduleKeyDeletion", object{"KeyId": id})
	f.signal(t, syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	left, err := f.MoveClock(ctx, f.Now().Add(500*day))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	rotations := 0
	for _, due := range left {
		if due.Job == record.JobRotate {
			rotations++
		}
	}
	if rotations != 2 {
		t.Errorf("still due: %v", left)
	}
	f.signal(t, syscall.SIGCONT)
	f.move(t, 0)
	if got := c.call("DescribeKey", object{"KeyId": id}); got.code != "NotFoundException" {
		t.Errorf("DescribeKey: %q", got.code)
	}
	if got := f.generation(t, "eu-west-1"); got != 2 {
		t.Errorf("generation %d is active", got)
	}
}

// TestProductionIsNotMoved: what moves the clock of trent dev, and its faults,
// are refused and left out where nobody has asked for development.
func TestProductionIsNotMoved(t *testing.T) {
	t.Parallel()
	fault := func(context.Context, *call.Call) error { return errors.New("a fault") }
	if (node.Config{Dev: true, Fault: fault}).FaultHook() == nil {
		t.Error("trent dev has no faults")
	}
	if (node.Config{Fault: fault}).FaultHook() != nil {
		t.Error("production has faults")
	}
	if left, err := new(node.Node).MoveClock(t.Context(), time.Now().Add(time.Hour)); err == nil || errors.Is(err, node.ErrClock) || left != nil {
		t.Errorf("production's clock is moved: %v, %v", left, err)
	}
}
