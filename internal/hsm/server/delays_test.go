package server

import (
	"sync"
	"testing"

	"trent/internal/hsm/proto"
)

// TestSlowWorkDelaysNothing holds the lane while fast commands are answered,
// and fills its share until it is busy.
func TestSlowWorkDelaysNothing(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}, 3*laneDepth), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	e := &scripted{load: func() { started <- struct{}{}; <-release }}
	load := (&proto.LoadDomainRequest{Token: []byte{1}}).Append(nil)
	_, conn, _ := exchange(t, e, append(request(1, proto.CmdHello, hello()), request(3, proto.CmdLoadDomain, load)...), 1)
	t.Cleanup(free) // before the server's end, which waits for its workers
	waitFor(t, started)
	const tries, share = 2 * laneDepth, laneDepth / laneShare
	var batch []byte
	for id := range uint64(tries) {
		batch = append(batch, request(100+id, proto.CmdLoadDomain, load)...)
	}
	batch = append(batch, random(2)...)
	go func() { _, _ = conn.Write(batch) }()
	got := answers(t, conn, tries-share+1)
	for id, f := range got {
		if want := proto.StatusBusy; id != 2 && status(f) != want || id == 2 && status(f) != proto.StatusOK {
			t.Errorf("request %d while the lane is held: %v", id, status(f))
		}
	}
	free()
	for id, f := range answers(t, conn, share+1) {
		if status(f) != proto.StatusOK {
			t.Errorf("request %d in the lane: %v", id, status(f))
		}
	}
}

// TestWeighedWorkDelaysNothing holds the slow lane: fast keys are answered
// meanwhile.
func TestWeighedWorkDelaysNothing(t *testing.T) {
	t.Parallel()
	started, release := make(chan bool, 16), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	e := &scripted{sign: func(slow bool) {
		if slow {
			started <- slow
			<-release
		}
	}}
	_, conn, _ := exchange(t, e, slicesOf(request(1, proto.CmdHello, hello()), sign(2, "a", true)), 1)
	t.Cleanup(free)
	waitFor(t, started)
	go func() {
		_, _ = conn.Write(slicesOf(sign(4, "a", true), sign(5, "a", true), sign(6, "b", true), sign(7, "b", false), random(8)))
	}()
	for id, f := range answers(t, conn, 2) {
		if id < 7 || status(f) != proto.StatusOK {
			t.Errorf("request %d is answered while the lane is held: %v", id, status(f))
		}
	}
	free()
	for id, f := range answers(t, conn, 4) {
		if status(f) != proto.StatusOK || len(f.Message) != 1 || uint64(f.Message[0]) != id {
			t.Errorf("request %d in the lane: %v %v", id, status(f), f.Message)
		}
	}
}

// TestMakingKeysDelaysNothing: one account asks, in one read, for more keys than
// are made ahead, and no key that is made ever gets ready. Those that were are
// given out, and another account signs.
func TestMakingKeysDelaysNothing(t *testing.T) {
	t.Parallel()
	const ahead, more, first = 4, 12, 10
	release := make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	left := ahead // the slow lane's worker alone takes them
	e := &scripted{
		sign:   func(bool) {},
		create: func() { <-release },
		ready:  func() bool { left--; return left >= 0 },
	}
	_, conn, _ := exchange(t, e, request(1, proto.CmdHello, hello()), 1)
	t.Cleanup(free)
	var batch []byte
	for id := range uint64(ahead + more) {
		batch = append(batch, create(first+id, "a")...)
	}
	batch = append(batch, sign(2, "b", true)...)
	go func() { _, _ = conn.Write(batch) }()
	for id, f := range answers(t, conn, ahead+1) {
		if id >= first+ahead || status(f) != proto.StatusOK {
			t.Errorf("request %d is answered while keys are made: %v", id, status(f))
		}
	}
	// What goes on in the making lane is in the way of none that comes later.
	go func() { _, _ = conn.Write(sign(3, "a", true)) }()
	if f := answers(t, conn, 1)[3]; status(f) != proto.StatusOK {
		t.Errorf("the same account's signature: %v", status(f))
	}
	free()
	for id, f := range answers(t, conn, more) {
		if status(f) != proto.StatusOK || string(f.Message) != "key" {
			t.Errorf("request %d: %v %q", id, status(f), f.Message)
		}
	}
}

// TestAccountsLockNobodyOut: four accounts have as much waiting in both lanes as
// they may, more than a connection's answers may be that wait to be written.
// Another account and the domains find room.
func TestAccountsLockNobodyOut(t *testing.T) {
	t.Parallel()
	const each, other, domains, marker = 256, 1 << 20, 1<<20 + 1, 1<<20 + 2
	asked, started, release := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	signs := sync.OnceFunc(func() { close(started) })
	e := &scripted{
		sign:   func(bool) { signs(); <-release },
		load:   func() {},
		create: func() { <-release },
		ready:  func() bool { asked <- struct{}{}; return false },
	}
	_, conn, _ := exchange(t, e, request(1, proto.CmdHello, hello()), 1)
	t.Cleanup(free)
	got := make(chan proto.Frame, 8*each+3)
	go func() {
		for b := []byte(nil); ; {
			f, rest, ok, _ := proto.Next(b)
			if ok {
				got <- f
				b = rest
				continue
			}
			more := make([]byte, 4096)
			n, err := conn.Read(more)
			if err != nil {
				return
			}
			b = append(b, more[:n]...)
		}
	}()
	write := func(b []byte) {
		if _, err := conn.Write(b); err != nil {
			t.Error(err)
		}
	}
	id := uint64(2)
	for n := range 4 * each { // one after the other, as each passes the slow lane
		write(create(id+uint64(n), string(rune('a'+n%4))))
		waitFor(t, asked)
	}
	id += 4 * each
	write(sign(id, "a", true))
	waitFor(t, started) // the slow lane is held too
	var batch []byte
	for n := range uint64(4*each - 1) {
		batch = append(batch, sign(id+1+n, string(rune('a'+n%4)), true)...)
	}
	write(slicesOf(batch, sign(other, "another", true), request(domains, proto.CmdLoadDomain, (&proto.LoadDomainRequest{Token: []byte{1}}).Append(nil)), random(marker)))
	refused := 0
	for f := waitFor(t, got); f.ID != marker; f = waitFor(t, got) {
		if refused++; status(f) != proto.StatusBusy || f.ID >= other {
			t.Errorf("request %d while the lanes are held: %v", f.ID, status(f))
		}
	}
	if waiting := 8*each - refused; refused == 0 || waiting <= laneDepth {
		t.Errorf("%d requests wait, and %d are refused: that proves nothing", waiting, refused)
	}
	free()
	for range 8*each + 2 - refused {
		if f := waitFor(t, got); status(f) != proto.StatusOK && status(f) != proto.StatusBusy || f.ID >= other && status(f) != proto.StatusOK {
			t.Errorf("request %d: %v", f.ID, status(f))
		}
	}
}
