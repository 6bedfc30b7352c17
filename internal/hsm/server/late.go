package server

import (
	"sync"
	"time"
)

// How long an answer of a lane may be kept back while others are on their way:
// waking the peer costs more than a signature on a curve does.
const (
	lateHold  = 200 * time.Microsecond
	lateBatch = 8 // answers
)

// lateAnswers are the answers of a connection's slow commands that are not
// written yet. The zero value is ready once write is set.
type lateAnswers struct {
	write func(frames []byte, n uint64)

	mu      sync.Mutex
	frames  [][]byte
	timer   *time.Timer // writes what was kept back
	writing bool
}

// add hands over an answer, which is wiped once it is written: with those that
// follow, if more says that the lane has more to do. It never waits for the peer.
func (l *lateAnswers) add(answer []byte, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frames = append(l.frames, answer)
	switch {
	case l.writing: // they go with the next write
	case !more || len(l.frames) >= lateBatch:
		l.start()
	case l.timer == nil:
		l.timer = time.AfterFunc(lateHold, l.expired)
	case len(l.frames) == 1:
		l.timer.Reset(lateHold)
	}
}

func (l *lateAnswers) expired() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.frames) > 0 && !l.writing {
		l.start()
	}
}

// start begins a goroutine that writes until nothing is left; it ends when the
// peer has read. The mutex is held.
func (l *lateAnswers) start() {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.writing = true
	go func() {
		for frames := l.take(); frames != nil; frames = l.take() {
			size := 0
			for _, f := range frames {
				size += len(f)
			}
			out := make([]byte, 0, size)
			for _, f := range frames {
				out = append(out, f...)
				clear(f)
			}
			l.write(out, uint64(len(frames)))
			clear(out)
		}
	}()
}

// take returns what is to be written; nil ends the writing.
func (l *lateAnswers) take() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	frames := l.frames
	l.frames = nil
	l.writing = len(frames) > 0
	return frames
}
