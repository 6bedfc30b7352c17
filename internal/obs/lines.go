package obs

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// maxWaiting is how many bytes of log lines wait for a slow reader, besides as
// many that are being written. Lines beyond are dropped and counted.
const maxWaiting = 1 << 20

// gatherTime is how long lines gather after a write before the next, so that a
// busy server makes one system call for many.
const gatherTime = 2 * time.Millisecond

// closeTimeout is how long Close waits for a reader that does not read.
const closeTimeout = 2 * time.Second

// Lines is the writer under a program's log: Write copies the line and returns,
// and one goroutine writes what has gathered, at once if nothing was written
// just now. So nobody who logs waits for a terminal or a collector that reads
// slowly or not at all, and many lines cost one system call.
type Lines struct {
	to      io.Writer
	format  func(io.Writer) slog.Handler
	dropped atomic.Uint64
	wake    chan struct{} // capacity 1
	ended   chan struct{}

	mu      sync.Mutex
	waiting []byte
	missing uint64 // lines dropped since the last that was taken
	closed  bool
}

// NewLines returns a writer of lines to w; Close ends it. format makes the
// handler of the log, which is to write to it: in its format is what Lines has
// to say itself.
func NewLines(w io.Writer, format func(io.Writer) slog.Handler) *Lines {
	l := &Lines{to: w, format: format, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	go l.run()
	return l
}

// Write takes one whole line, or drops it. It never fails and never blocks.
func (l *Lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.waiting)+len(line) > maxWaiting {
		l.missing++
		l.dropped.Add(1)
		return len(line), nil
	}
	if l.missing > 0 {
		l.waiting = append(l.waiting, l.gap()...)
		l.missing = 0
	}
	l.waiting = append(l.waiting, line...)
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// gap is the line that stands for the missing ones.
func (l *Lines) gap() []byte {
	var line bytes.Buffer
	said := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were dropped here: they are read too slowly", 0)
	said.AddAttrs(slog.Uint64("lines", l.missing))
	_ = l.format(&line).Handle(context.Background(), said) // a Buffer takes everything
	return line.Bytes()
}

// Logger returns the log whose lines these are.
func (l *Lines) Logger() *slog.Logger { return slog.New(l.format(l)) }

// Dropped is how many lines were lost, to a slow reader or to one that is gone.
func (l *Lines) Dropped() uint64 { return l.dropped.Load() }

func (l *Lines) run() {
	defer close(l.ended)
	var spare []byte
	for range l.wake {
		l.mu.Lock()
		out := l.waiting
		l.waiting = spare[:0]
		l.mu.Unlock()
		if _, err := l.to.Write(out); err != nil {
			l.dropped.Add(1) // of how many lines is not known; there is nobody to tell
		}
		spare = out
		time.Sleep(gatherTime)
	}
}

// Close writes what waits and ends the writer. It gives up after two seconds,
// and then leaves a goroutine behind that hangs in the write.
func (l *Lines) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.wake)
	}
	l.mu.Unlock()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-l.ended:
	case <-timer.C:
	}
	return nil
}
