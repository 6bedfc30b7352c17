package digest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"trent/internal/audit"
)

func TestSound(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	r := tr.verify(tr.dir, Options{})
	if !r.Sound() || len(r.Nodes) != 1 || !r.KeysGiven {
		t.Fatalf("%+v", r)
	}
	n := r.Nodes[0]
	if n.Records != 78 || n.First != 1 || n.Last != 78 || n.Digests != 6 || n.Covered != 75 || n.Unsigned != 3 || n.Torn {
		t.Errorf("%+v", n)
	}
	// Without keys, those beside the trail do.
	if r := tr.verify(tr.dir, Options{Keys: [][]byte{}}); !r.Sound() || r.KeysGiven {
		t.Errorf("%+v", r)
	}
	// Another service's keys do not.
	if r := tr.verify(tr.dir, Options{Keys: newSigner(t).trusted(t)}); r.Sound() {
		t.Error("digests of unknown keys are taken")
	}
}

// TestMovedAway: a trail whose begin was moved away is sound where its reader
// knows that.
func TestMovedAway(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	if err := os.Remove(filepath.Join(tr.dir, hex.EncodeToString(node[:]), "00000001", "00000001.log")); err != nil {
		t.Fatal(err)
	}
	r := tr.verify(tr.dir, Options{})
	if r.Sound() || r.Nodes[0].First < 2 {
		t.Fatalf("a missing segment is not found: %+v", r)
	}
	if again := tr.verify(tr.dir, Options{From: from(r.Nodes[0].First)}); !again.Sound() || again.Nodes[0].Covered != 75 {
		t.Errorf("%+v", again)
	}
	if again := tr.verify(tr.dir, Options{From: from(r.Nodes[0].First - 1)}); again.Sound() {
		t.Error("one more record is missing")
	}
	// That digests cover records that are not there is wrong wherever the trail is to
	// begin.
	for _, file := range segments(t, tr.dir)[1:] {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	for _, first := range []uint64{1, 70, 75, 76, 79, 1000} {
		if again := tr.verify(tr.dir, Options{From: from(first)}); again.Sound() || !strings.Contains(again.Findings[len(again.Findings)-1].What, "75 are missing") {
			t.Errorf("from %d: %v", first, again.Findings)
		}
	}
}

// TestCutEnd: what was cut off behind the last digest that is left shows by a
// head that is kept elsewhere, and the service's next start refuses a trail
// that is shorter than its last digest says.
func TestCutEnd(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	a, m := tr.open()
	tr.write(a, 5)
	tr.digest(m)
	tr.write(a, 5)
	last := tr.digest(m)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	head := Head{Node: node, Sequence: last.Sequence}
	hex.Decode(head.Hash[:], []byte(last.Hash))
	if r := tr.verify(tr.dir, Options{Heads: []Head{head}}); !r.Sound() {
		t.Fatalf("%+v", r.Findings)
	}
	e := read(t, tr.dir)
	e.records = e.records[:7]
	e.write(t, tr.dir)

	if r := tr.verify(tr.dir, Options{}); r.Sound() {
		t.Error("records that a digest covers are missing")
	}
	covered, err := Covered(t.Context(), tr.dir, node, tr.signer, discard())
	if err != nil || covered.Sequence != last.Sequence {
		t.Fatalf("%+v, %v", covered, err)
	}
	if _, err := audit.Open(t.Context(), tr.dir, audit.Options{Node: node, Mode: audit.Relaxed, Covered: covered}); !errors.Is(err, audit.ErrLost) {
		t.Errorf("a start goes on behind a cut: %v", err)
	}
	if err := os.Remove(filepath.Join(tr.dir, hex.EncodeToString(node[:]), folderName, fileName(last.Number))); err != nil {
		t.Fatal(err)
	}
	if r := tr.verify(tr.dir, Options{}); !r.Sound() || r.Nodes[0].Last != 7 {
		t.Errorf("what is left fits together: %+v", r)
	}
	if r := tr.verify(tr.dir, Options{Heads: []Head{head}}); r.Sound() {
		t.Error("a head that is kept elsewhere does not show the cut")
	}
	head.Node[0]++
	if r := tr.verify(tr.dir, Options{Heads: []Head{head}}); r.Sound() {
		t.Error("a whole node is missing")
	}
}

// TestIntervals: a digest is made at once, every five minutes without any
// traffic, when a segment has ended, and at the stop.
func TestIntervals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		tr := &trail{T: t, dir: dir, signer: newSigner(t)}
		a, _ := tr.open()
		wake := make(chan struct{}, 1)
		c := tr.config(a)
		c.Wake = wake
		m, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { m.Run(ctx); close(done) }()
		expect := func(number, sequence uint64) {
			t.Helper()
			synctest.Wait()
			if last := m.Last(); last == nil || last.Number != number || last.Sequence != sequence {
				t.Errorf("%+v, want number %d, record %d", last, number, sequence)
			}
		}
		expect(1, 0)
		time.Sleep(15*time.Minute + time.Second)
		expect(4, 0)
		tr.write(a, 2)
		wake <- struct{}{}
		expect(5, 2)
		tr.write(a, 1)
		cancel()
		<-done
		expect(6, 3)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if r := tr.verify(dir, Options{}); !r.Sound() || r.Nodes[0].Unsigned != 0 || r.Nodes[0].Digests != 6 {
			t.Errorf("%+v", r)
		}
	})
}

func TestAbsence(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	whole, made := tr.open()
	tr.digest(made) // no record behind it, which would be older
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	at := func(minute int) time.Time { return time.Date(2026, 11, 20, 8, minute, 0, 0, time.UTC) }
	// A second run whose records are gone, as the service says that follows it.
	follows := func(tr *trail) {
		replaced := `{"eventSource":"trent","eventName":"ReplaceAuditTrail","eventTime":"2026-11-20T09:00:00Z","requestParameters":{"lostNode":"` + strings.Repeat("ab", 16) + `"}}`
		a, m := tr.open()
		if err := a.Append(t.Context(), []byte(replaced)); err != nil {
			t.Fatal(err)
		}
		tr.write(a, 5)
		tr.digest(m)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	successor := newTrail(t)
	follows(successor)
	// What had waited in the outbox stands before the record that says so, in trails of
	// older services.
	late := newTrail(t)
	b, m := late.open()
	late.write(b, 114)
	late.digest(m)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	follows(late)
	// The record is about another trail, which is lost itself.
	other := newTrail(t)
	b, m = other.open()
	for _, json := range []string{
		`{"eventSource":"trent","eventName":"ReplaceAuditTrail","eventTime":"2026-11-20T09:00:00Z","requestParameters":{"lostNode":"` + strings.Repeat("ab", 16) + `","node":"` + hex.EncodeToString(node[:]) + `"}}`,
		`{"eventSource":"trent","eventName":"ReplaceAuditTrail","eventTime":"2026-11-20T08:00:00Z","requestParameters":{"lostNode":"` + strings.Repeat("cd", 16) + `","node":"` + strings.Repeat("ab", 16) + `"}}`,
	} {
		if err := b.Append(t.Context(), []byte(json)); err != nil {
			t.Fatal(err)
		}
	}
	other.digest(m)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	cut := newTrail(t)
	copyTrail(t, tr.dir, cut.dir)
	cut.signer = tr.signer
	if err := os.Remove(segments(t, cut.dir)[0]); err != nil {
		t.Fatal(err)
	}
	first := cut.verify(cut.dir, Options{}).Nodes[0].First
	second := time.Now().Add(-LongestCall - time.Second)
	for _, test := range []struct {
		tr           *trail
		name         string
		since, until time.Time
		from         uint64
		proven       bool
	}{
		{tr, "Event99", time.Time{}, at(59), 0, true},
		{tr, "Event5", at(6), at(59), 0, true},
		{tr, "Event5", at(5).Add(500 * time.Millisecond), at(59), 0, false}, // of that second
		{tr, "Event5", at(5), at(59), 0, false},
		{tr, "Event5", at(0), at(4), 0, true},
		{tr, "Event5", time.Time{}, at(59), 0, false},
		{tr, "Event99", time.Time{}, time.Time{}, 0, true},
		{tr, "Event99", time.Time{}, time.Now().Add(time.Hour), 0, false}, // not covered yet
		{tr, "Event99", time.Time{}, time.Now(), 0, false},                // a call may still be on its way
		{tr, "Event99", time.Now().Add(time.Hour), time.Time{}, 0, false}, // digests do not reach it
		{cut, "Event1", time.Time{}, at(59), first, false},                // it is in what was moved away
		{cut, "Event99", at(0), at(59), first, false},
		{cut, "Event99", second, second, first, false}, // before the digest of what was moved away
		{successor, "Event99", time.Time{}, at(59), 0, false},
		{successor, "Event99", at(30), at(59), 0, false}, // when the lost trail was there
		{successor, "Event99", at(60), at(62), 0, true},
		{late, "Event999", time.Time{}, at(59), 0, false},
		{late, "Event999", at(60), at(62), 0, true},
		{other, "Event99", at(30), at(59), 0, false},
		{other, "Event99", at(60), at(62), 0, true},
	} {
		a := &Absence{Name: test.name, Since: test.since, Until: test.until}
		r := test.tr.verify(test.tr.dir, Options{Visit: a.Visit, From: from(test.from)})
		a.Conclude(r)
		if a.Proven != test.proven || r.Sound() != test.proven {
			t.Errorf("%s %v–%v: %+v", test.name, test.since, test.until, a)
		}
	}
}

// TestWhichIsFirst: of two trails that both begin with record 1 and name none
// before them, one is not the first, and what was before it is not known.
func TestWhichIsFirst(t *testing.T) {
	t.Parallel()
	n := func(node, predecessor string) NodeReport {
		return NodeReport{Node: node, First: 1, Predecessor: predecessor, covers: span{to: time.Now()}}
	}
	until := time.Now().Add(-time.Hour)
	for _, test := range []struct {
		nodes  []NodeReport
		proven bool
	}{
		{[]NodeReport{n("a", "")}, true},
		{[]NodeReport{n("a", ""), n("b", "a")}, true},
		{[]NodeReport{n("a", ""), n("b", "")}, false},
		{[]NodeReport{n("a", ""), n("b", "a"), n("c", "")}, false},
	} {
		if why := (&Report{Nodes: test.nodes}).Lacks(time.Time{}, until); (why == "") != test.proven {
			t.Errorf("%+v: %q", test.nodes, why)
		}
	}
}

// TestHonestOddities: what failed starts, clocks and clean-ups leave is no fault.
func TestHonestOddities(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	a, m := tr.open()
	tr.write(a, 5)
	tr.digest(m)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	// A start that began an epoch and could make no segment.
	if err := os.Mkdir(filepath.Join(tr.dir, hex.EncodeToString(node[:]), "00000002"), 0o700); err != nil {
		t.Fatal(err)
	}
	tr.behind = time.Hour // the clock was set back
	a, m = tr.open()
	tr.write(a, 5)
	tr.digest(m)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if r := tr.verify(tr.dir, Options{}); !r.Sound() || r.Nodes[0].Covered != 10 {
		t.Errorf("%+v", r)
	}
}

// TestNothingCovered: a trail of which no digest says anything, and a node that
// somebody has made up, are not sound.
func TestNothingCovered(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	if err := os.RemoveAll(filepath.Join(tr.dir, hex.EncodeToString(node[:]), folderName)); err != nil {
		t.Fatal(err)
	}
	if r := tr.verify(tr.dir, Options{}); r.Sound() {
		t.Error("a trail without digests is sound")
	}
}

// TestForeignDigests: a start goes on from its last own digest, whatever else
// lies there: a damaged file, one that was made up, a pipe, a huge file.
func TestForeignDigests(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	folder := filepath.Join(tr.dir, hex.EncodeToString(node[:]), folderName)
	own, err := os.ReadFile(filepath.Join(folder, fileName(6)))
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Replace(own, []byte(`"number":6,`), []byte(`"number":99999998,`), 1)
	huge := filepath.Join(folder, fileName(10))
	for _, err := range []error{
		os.WriteFile(filepath.Join(folder, fileName(7)), nil, 0o600),
		os.WriteFile(filepath.Join(folder, fileName(99999998)), forged, 0o600),
		syscall.Mkfifo(filepath.Join(folder, fileName(8)), 0o600),
		os.Symlink("/dev/zero", filepath.Join(folder, fileName(9))),
		os.WriteFile(huge, nil, 0o600), os.Truncate(huge, 1<<40),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	a, m := tr.open()
	if last := m.Last(); last == nil || last.Number != 6 {
		t.Errorf("it goes on from %+v", last)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if r := tr.verify(tr.dir, Options{}); r.Sound() || r.Nodes[0].Covered != 75 {
		t.Errorf("%+v", r)
	}
}

// TestApprovedOnly: digests of fips: strict have one signature, which must be
// said to be enough, and then digests with both are as good.
func TestApprovedOnly(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	a, m := tr.open()
	for _, strict := range []bool{false, true, false} {
		m.Signer = &approved{tr.signer, strict}
		tr.write(a, 5)
		tr.digest(m)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if r := tr.verify(tr.dir, Options{}); r.Sound() {
		t.Error("a missing signature is not found")
	}
	if r := tr.verify(tr.dir, Options{ApprovedOnly: true}); !r.Sound() || r.Nodes[0].Digests != 3 {
		t.Errorf("%+v", r)
	}
}

// approved leaves ML-DSA's signature out.
type approved struct {
	*signer
	strict bool
}

func (s *approved) Sign(ctx context.Context, statement []byte) ([]Signature, error) {
	all, err := s.signer.Sign(ctx, statement)
	if s.strict && err == nil {
		all = all[:1]
	}
	return all, err
}

// TestSomeSignature: of no digest it is enough that nothing contradicts it: with
// ApprovedOnly too, and whatever keys are known, one must have signed.
func TestSomeSignature(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	path := filepath.Join(tr.dir, hex.EncodeToString(node[:]), folderName, fileName(6))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	ec, ml := tr.signer.trusted(t)[0], tr.signer.trusted(t)[1]
	for _, test := range []struct {
		name         string
		key          []byte
		left         string
		approvedOnly bool
		sound        bool
	}{
		{"only ML-DSA is known, nothing is signed", ml, lines[0] + "X " + strings.Repeat("ab", 16) + " AAAA\n", true, false},
		{"only ML-DSA is known", ml, lines[0] + lines[2], true, false},
		{"only ML-DSA is known and asked for", ml, lines[0] + lines[2], false, true},
		{"only ECDSA is known", ec, lines[0] + lines[1], true, true},
		{"a key that signs no digests", []byte("none"), string(whole), false, false},
	} {
		if err := os.WriteFile(path, []byte(test.left), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := tr.verify(tr.dir, Options{Keys: [][]byte{test.key}, ApprovedOnly: test.approvedOnly}); r.Sound() != test.sound {
			t.Errorf("%s: %v", test.name, r.Findings)
		}
	}
}

// TestStrippedSignature: each algorithm must have signed, so that breaking one
// is of no use.
func TestStrippedSignature(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	path := filepath.Join(tr.dir, hex.EncodeToString(node[:]), folderName, fileName(3))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	for _, left := range []string{lines[0] + lines[1], lines[0] + lines[2], lines[0]} {
		if err := os.WriteFile(path, []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := tr.verify(tr.dir, Options{}); r.Sound() {
			t.Errorf("%d bytes of %d are enough", len(left), len(whole))
		}
	}
}

// FuzzParse: what is taken is exactly what a digest's file is made as.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"trent-audit-digest-1","node":"000102030405060708090a0b0c0d0e0f","number":1,"time":"2026-11-23T08:00:00.000Z","previous":"","after":0,"epoch":1,"sequence":2,"hash":"` +
		strings.Repeat("ab", 32) + `","storeRevision":3}` + "\nECDSA_SHA_384 " + strings.Repeat("cd", 16) + " AAAA\n"))
	f.Add([]byte("{}\nA b c\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		d, err := Parse(file)
		if err != nil {
			return
		}
		if again := encodeFile(d.Signed, d.Signatures); string(again) != string(file) {
			t.Errorf("%q is taken, and made as %q", file, again)
		}
	})
}

// TestNoFolders: what is no folder where one should be is a finding, and others'
// trails are verified all the same.
func TestNoFolders(t *testing.T) {
	t.Parallel()
	for _, name := range []string{strings.Repeat("00", 16), hex.EncodeToString(node[:]) + "/00000009"} {
		tr := usual(t)
		if err := syscall.Mkfifo(filepath.Join(tr.dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := tr.verify(tr.dir, Options{}); r.Sound() || len(name) == 32 && len(r.Nodes) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestHugeSegment: what is larger than any segment is a finding, and is not read.
func TestHugeSegment(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	if err := os.Truncate(segments(t, tr.dir)[1], 65<<20); err != nil {
		t.Fatal(err)
	}
	if r := tr.verify(tr.dir, Options{}); r.Sound() || !strings.Contains(r.Findings[0].What, "permitted size") {
		t.Errorf("%.300v", r.Findings)
	}
}
