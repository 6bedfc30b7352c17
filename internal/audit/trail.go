package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Mode says what an append waits for.
type Mode int

// The modes.
const (
	// NoWait returns when the record is queued. What is queued is lost when
	// the process is killed.
	NoWait Mode = iota + 1
	// Relaxed returns when the record is written to the file: it survives
	// kill -9, not a loss of power.
	Relaxed
	// Strict returns when the record is synced: it survives a loss of power.
	Strict
)

// String is the mode's name in the configuration.
func (m Mode) String() string {
	switch m {
	case NoWait:
		return "nowait"
	case Relaxed:
		return "relaxed"
	case Strict:
		return "strict"
	}
	return fmt.Sprintf("Mode(%d)", int(m))
}

// Errors. An append that fails with any of them must make its call fail. The
// record may all the same stand in the trail (ErrStalled, a failed sync, a
// cancelled context): the trail may then tell of a call that failed.
var (
	// ErrClosed: the trail is closed.
	ErrClosed = errors.New("audit: trail closed")
	// ErrLocked: another process appends to this node's trail.
	ErrLocked = errors.New("audit: in use by another process")
	// ErrRecordSize: the record is empty or longer than MaxRecordBytes.
	ErrRecordSize = errors.New("audit: record size out of range")
	// ErrStalled: the disk did not finish a write or sync within StallTimeout.
	ErrStalled = errors.New("audit: disk stalled")
	// ErrFailed wraps the error of the disk that made the trail refuse appends.
	ErrFailed = errors.New("audit: trail cannot be written")
	// ErrDamaged: segments hold something that no crash leaves behind.
	ErrDamaged = errors.New("audit: trail damaged")
	// ErrLost: the node's trail, or its end, is gone.
	ErrLost = errors.New("audit: trail lost")
	// ErrTorn: the last segment ends in a part of a write, as a crash leaves
	// it; the next Open cuts it.
	ErrTorn = errors.New("audit: torn tail")
)

// Options of a trail. Node and Mode must be given.
type Options struct {
	Node         [16]byte      // this node's id
	Mode         Mode          // what Append waits for
	SegmentBytes int64         // a segment that would grow beyond is followed by the next; default 32 MiB: a start reads the last one, twice after a crash
	Began        uint64        // an epoch that is known to have begun: Open refuses a trail without it; default: none is known
	Covered      Head          // a record that is known to be there, by its sequence and hash: Open refuses a trail that ends before it; default: none is known
	QueueBytes   int           // records that may wait to be written, beyond which Append blocks; default 1 MiB, at most 1 GiB
	StallTimeout time.Duration // how long a write or sync may take before everybody who waits for it gets ErrStalled; default 10 s
	Logger       *slog.Logger  // default: none
	Hooks        Hooks         // are told what the trail does

	fs fsys // default the operating system's; tests put another here
}

// Hooks are called by the trail's goroutines and must be quick.
type Hooks struct {
	Wrote  func(records int)        // is told how many records a write held; default: nobody
	Synced func(took time.Duration) // is told how long a sync of a segment took; default: nobody
	Closed func()                   // is told that a segment has ended and the next has begun; default: nobody
}

func (o *Options) setDefaults() error {
	if o.Mode < NoWait || o.Mode > Strict {
		return fmt.Errorf("audit: no such mode: %v", o.Mode)
	}
	if o.Node == [16]byte{} {
		return errors.New("audit: no node id")
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 32 << 20
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = 1 << 20
	}
	if o.QueueBytes < 0 || o.QueueBytes > 1<<30 {
		return fmt.Errorf("audit: queue of %d bytes", o.QueueBytes) // a place in a write has 32 bits
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = 10 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Hooks.Wrote == nil {
		o.Hooks.Wrote = func(int) {}
	}
	if o.Hooks.Synced == nil {
		o.Hooks.Synced = func(time.Duration) {}
	}
	if o.Hooks.Closed == nil {
		o.Hooks.Closed = func() {}
	}
	if o.fs == nil {
		o.fs = osFS{}
	}
	return nil
}

// Head is the end of a node's chain.
type Head struct {
	Epoch    uint64 // of this start of the process
	Sequence uint64 // of the last record, 0 if there is none
	Hash     [32]byte
}

// Stats counts what a trail has done since Open, and what waits.
type Stats struct {
	Queued         uint64 // records that wait to be written, or are being written
	Records, Bytes uint64 // written, frames included
	Writes, Syncs  uint64 // of segments, by whomever they were asked for
	CutBytes       int64  // torn tail that Open cut, without the zeros at its end
	Lost           uint64 // records that were queued and could not be written before Close (NoWait)
}

// Trail appends to one node's segments. All methods may be called
// concurrently.
//
// One goroutine writes. Appenders put their records into the batch that it
// will take next and wait for that batch; before it takes one it yields once,
// and with Strict it gathers, so that every appender that is active joins, and
// one write (and one sync) serves them all. The writing is not done by an appender itself, though that
// would save half a microsecond for a lone one: nobody can leave a system call
// that hangs, and an append must fail when the disk stalls.
type Trail struct {
	opts    Options
	lock    io.Closer
	wake    chan struct{} // capacity 1: there is a pending batch; closed by Close
	stopped chan struct{} // closed when the writer goroutine is done
	closing chan struct{} // closed by Close
	tail    segmentID     // where Open found the last record; zero if nowhere
	cuts    []Cut         // that no record tells of; until Told

	w     segmentWriter // owned by Open, then by the writer goroutine
	retry *time.Timer   // the writer's: when it looks whether the disk is well again

	refusing atomic.Bool // there is a failure, or the trail is closed

	mu        sync.Mutex
	pending   *batch // joined by appenders, not taken by the writer yet
	current   *batch // taken, being written
	spare     []byte // buffer of a batch that is done
	file      file   // the segment being written, for sync
	pins      int    // of written batches; while not 0 no new segment is begun
	failure   error  // why appends are refused; nil if they are not: see setFailure
	closed    bool
	head      Head
	stats     Stats
	gathering gathering
	watch     *time.Timer // runs while the writer is in a write or sync,
	busySince time.Time   // since then
}

// Open makes the node's directory below dir ready, cuts the torn tail that a
// crash may have left, and begins the next epoch. It verifies the newest
// segment that holds records; ErrDamaged means that this is not what a crash
// leaves behind, ErrLost that epochs are missing at the trail's end, and
// ErrLocked that another process has the trail. The caller must Close the trail.
func Open(ctx context.Context, dir string, o Options) (*Trail, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	nodeDir := filepath.Join(dir, hex.EncodeToString(o.Node[:]))
	if err := o.mayBegin(nodeDir); err != nil {
		return nil, err
	}
	if err := makeDirs(o.fs, dir, nodeDir); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	lock, err := o.fs.lock(nodeDir)
	if err != nil {
		return nil, err
	}
	t := &Trail{
		opts: o, lock: lock,
		wake: make(chan struct{}, 1), stopped: make(chan struct{}), closing: make(chan struct{}),
		gathering: newGathering(),
		// Without syncs zeros would gain nothing, and a loss of power could leave
		// holes in them: a file that grows loses its end only.
		w: segmentWriter{fs: o.fs, dir: nodeDir, maxBytes: o.SegmentBytes, strict: o.Mode == Strict, synced: o.Hooks.Synced, closed: o.Hooks.Closed},
	}
	if err := t.begin(ctx, nodeDir); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	t.watch = time.AfterFunc(o.StallTimeout, t.stall)
	t.watch.Stop()
	t.retry = time.NewTimer(retryInterval)
	t.retry.Stop()
	go t.run()
	return t, nil
}

// mayBegin refuses to make the folder of a trail that must be there: who reads it
// must see that it is gone.
func (o *Options) mayBegin(nodeDir string) error {
	if o.Began == 0 && o.Covered.Sequence == 0 {
		return nil
	}
	if _, err := o.fs.list(nodeDir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: of %d epochs under %s there is none", ErrLost, o.Began, nodeDir)
	}
	return nil
}

// makeDirs makes the directories, whose names are then durable.
func makeDirs(fs fsys, dirs ...string) error {
	for _, dir := range dirs {
		if err := fs.mkdir(dir); err != nil {
			return err
		}
		if err := fs.syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// begin finds the end of the chain and makes the epoch's first segment.
func (t *Trail) begin(ctx context.Context, nodeDir string) error {
	end, err := findTail(ctx, &t.opts, nodeDir)
	if err != nil {
		return err
	}
	if t.cuts, err = findCuts(t.opts.fs, nodeDir, t.opts.Node); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if end.cut > 0 {
		t.opts.Logger.Warn("audit: cut the torn tail that a crash left", "bytes", end.cut)
	}
	if end.lastEpoch < t.opts.Began {
		return fmt.Errorf("%w: of %d epochs under %s there are %d", ErrLost, t.opts.Began, nodeDir, end.lastEpoch)
	}
	if c := t.opts.Covered; end.head.Sequence < c.Sequence || c.Sequence > 0 && end.head.Sequence == c.Sequence && end.head.Hash != c.Hash {
		return fmt.Errorf("%w: its end under %s: the last record is %d, and a digest covers record %d", ErrLost, nodeDir, end.head.Sequence, c.Sequence)
	}
	if end.lastEpoch >= maxEpoch {
		return fmt.Errorf("audit: no epoch follows %d", end.lastEpoch)
	}
	t.tail, t.stats.CutBytes = end.segment, end.cut
	t.head = Head{Epoch: end.lastEpoch + 1, Sequence: end.head.Sequence, Hash: end.head.Hash}
	epochDir := filepath.Join(nodeDir, epochName(t.head.Epoch))
	if err := makeDirs(t.opts.fs, epochDir); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	t.w.id = segmentID{node: t.opts.Node, epoch: t.head.Epoch}
	if err := t.w.next(); err != nil {
		return err
	}
	t.file = t.w.f
	return nil
}

// Append adds one record, a JSON object on one line, and waits as the mode
// says; it copies the record. Errors: ErrRecordSize, ErrClosed, ErrStalled,
// ErrFailed, or the context's, which leaves the record in the queue.
func (t *Trail) Append(ctx context.Context, record []byte) error {
	if Discards {
		return nil
	}
	b, err := t.enqueue(ctx, record)
	if err != nil || t.opts.Mode == NoWait {
		return err
	}
	return b.wait(ctx)
}

// Head returns the end of the chain: the last record that is written (with
// Strict: synced).
func (t *Trail) Head() Head {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head
}

// Stats returns the counts so far.
func (t *Trail) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.stats
	for _, b := range [...]*batch{t.pending, t.current} {
		if b != nil {
			s.Queued += b.records
		}
	}
	return s
}

// Err returns why an append would be refused now, or nil. It costs next to nothing
// while all is well.
func (t *Trail) Err() error {
	if !t.refusing.Load() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refusal()
}

// Mode returns the trail's mode.
func (t *Trail) Mode() Mode { return t.opts.Mode }

// Close refuses further appends, writes what is queued, syncs, and waits for
// that. If the disk fails it returns the error, and Stats counts what is lost.
func (t *Trail) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		<-t.stopped
		return ErrClosed
	}
	t.closed = true
	t.refusing.Store(true)
	close(t.closing)
	close(t.wake)
	t.mu.Unlock()
	<-t.stopped
	t.watch.Stop()
	err := errors.Join(t.w.close(), t.lock.Close())
	t.mu.Lock()
	defer t.mu.Unlock()
	if errors.Is(t.failure, errSync) {
		err = errors.Join(t.failure, err)
	}
	if t.stats.Lost > 0 {
		err = errors.Join(fmt.Errorf("%w: %d queued records lost", ErrFailed, t.stats.Lost), err)
	}
	return err
}
