package server

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"trent/internal/hsm/proto"
)

// TestPeerThatDoesNotRead sends slow commands and reads no answer: others are
// served all the same, and it has laneDepth answers waiting at most.
func TestPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	done := make(chan struct{}, 4*laneDepth)
	asked := make(chan struct{}, 1)
	s := New(&scripted{load: func() { done <- struct{}{} }, random: func([]byte) { asked <- struct{}{} }}, slog.New(slog.DiscardHandler))
	t.Cleanup(s.Close)
	connect := func() net.Conn {
		theirs, ours := net.Pipe() // a write lasts until it is read
		go func() { _ = s.ServeConn(theirs) }()
		t.Cleanup(func() { ours.Close() })
		if _, err := ours.Write(request(1, proto.CmdHello, hello())); err != nil {
			t.Fatal(err)
		}
		answers(t, ours, 1)
		return ours
	}
	load := (&proto.LoadDomainRequest{Token: []byte{1}}).Append(nil)
	silent := connect()
	for id := range uint64(laneDepth) {
		if _, err := silent.Write(request(1000+id, proto.CmdLoadDomain, load)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, done)
	}
	other := connect()
	if _, err := other.Write(request(2, proto.CmdLoadDomain, load)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, done)
	if got := answers(t, other, 1)[2]; status(got) != proto.StatusOK {
		t.Errorf("the other peer: %v", status(got))
	}
	// One more is refused: it has as many waiting as it may.
	if _, err := silent.Write(append(request(99, proto.CmdLoadDomain, load), random(100)...)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, asked) // and so the one before was decided about
	got := answers(t, silent, laneDepth+2)
	if status(got[99]) != proto.StatusBusy {
		t.Errorf("one more: %v", status(got[99]))
	}
	for id := range uint64(laneDepth) {
		if status(got[1000+id]) != proto.StatusOK {
			t.Errorf("request %d: %v", 1000+id, status(got[1000+id]))
		}
	}
}

// weighing is an engine that finds every request slow, or none. It runs none.
type weighing struct {
	Engine
	slow bool
}

func (e *weighing) Muted() bool { return false }

func (e *weighing) Weigh(proto.Command, []byte) (account string, spec uint16, slow bool) {
	return "account", 1, e.slow
}

// TestNoFastCommandWaits counts what every command leaves waiting in the lanes:
// a fast command nothing, whatever it is weighed, and a weighed one nothing if it
// is not slow. None begins in the lane of seconds. The lists are total, both ways.
func TestNoFastCommandWaits(t *testing.T) {
	t.Parallel()
	const fast, slow, weighed = 1, 2, 3
	kinds := map[proto.Command]int{
		proto.CmdMoveClock: fast, proto.CmdRewrap: fast, proto.CmdCreateServiceKey: fast, proto.CmdReleaseServiceKey: fast,
		proto.CmdSealAccessKeySecret: fast, proto.CmdCreateAccessKeySecret: fast, proto.CmdDeriveDayKey: fast,
		proto.CmdEncrypt: fast, proto.CmdDecrypt: fast, proto.CmdCheckCiphertext: fast, proto.CmdReEncrypt: fast,
		proto.CmdGenerateDataKey: fast, proto.CmdGenerateDataKeyWithoutPlaintext: fast, proto.CmdGenerateRandom: fast,
		proto.CmdGenerateMac: fast, proto.CmdVerifyMac: fast,
		proto.CmdCreateDomain: slow, proto.CmdLoadDomain: slow, proto.CmdRotateDomain: slow, proto.CmdCreateAuditKey: slow, proto.CmdSignDigest: slow,
		proto.CmdReplicationKey: fast, proto.CmdAddReplicationKey: slow, proto.CmdOfferReplica: slow, proto.CmdSendReplica: slow, proto.CmdReceiveReplica: slow,
		proto.CmdCreateKey: weighed, proto.CmdSign: weighed, proto.CmdVerify: weighed, proto.CmdDeriveSharedSecret: weighed,
		proto.CmdEncapsulate: weighed, proto.CmdDecapsulate: weighed, proto.CmdPublicEncrypt: weighed, proto.CmdPrivateDecrypt: weighed,
		proto.CmdCheckPrivateCiphertext: weighed, proto.CmdReEncryptAny: weighed, proto.CmdGenerateDataKeyPair: weighed,
		proto.CmdImportParameters: weighed, proto.CmdImportKey: weighed,
	}
	for n := range commands {
		cmd := proto.Command(n)
		kind := kinds[cmd]
		if (kind != 0) != (commands[cmd].run != nil) {
			t.Errorf("%v: listed %v, in the table %v", cmd, kind != 0, commands[cmd].run != nil)
		}
		if kind == 0 {
			continue
		}
		for _, heavy := range []bool{false, true} {
			s := &Server{engine: &weighing{slow: heavy}, lane: newLane(laneDepth), making: newLane(laneDepth)}
			c := &conn{server: s, greeted: true}
			// The message is malformed: a command that runs is answered so.
			if err := c.answer(proto.Frame{ID: 1, Code: uint8(cmd), Message: []byte{0xff}}); err != nil {
				t.Fatal(err)
			}
			want := [3]int{1, 0, 0} // answered at once, in the slow lane, in that of keys that are made
			if kind == slow || kind == weighed && heavy {
				want = [3]int{0, 1, 0}
			}
			if got := [3]int{int(c.frames), s.lane.queued, s.making.queued}; got != want {
				t.Errorf("%v, slow %v: answered, waiting, waiting for keys: %v, want %v", cmd, heavy, got, want)
			}
		}
	}
}

// TestLaneSharesWhatIsLeft: however many accounts take all that they may, there
// is room for another's, up to an end, and always for jobs of no account.
func TestLaneSharesWhatIsLeft(t *testing.T) {
	t.Parallel()
	const share = laneDepth / laneShare
	for _, accounts := range []int{1, 2, 5, 200, 4 * laneDepth} {
		l := newLane(laneDepth)
		fill := func(account string) (n int) {
			for l.put(job{account: account}) {
				n++
			}
			return n
		}
		before := 0
		for n := range accounts {
			if before = l.queued; fill(fmt.Sprint("account ", n)) == 0 && before < 2*laneDepth {
				t.Fatalf("%d accounts have %d jobs and leave no room for the next", n, before)
			}
		}
		if l.queued > 2*laneDepth || accounts == 1 && l.queued != share || accounts == 200 && l.queued > laneDepth+accounts {
			t.Errorf("%d accounts have %d jobs", accounts, l.queued)
		}
		if n := fill(""); n != share {
			t.Errorf("beside %d accounts there is room for %d jobs of none", accounts, n)
		}
		if (fill("another") == 0) != (accounts == 4*laneDepth) {
			t.Errorf("beside %d accounts and jobs of none: no room, or no end", accounts)
		}
	}
}

// waitFor takes one of done. A lane that stands still fails the test.
func waitFor[T any](t *testing.T, done <-chan T) T {
	t.Helper()
	select {
	case v := <-done:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("the lane stands still")
		panic("unreachable")
	}
}
