package server

import (
	"strings"
	"sync"

	"trent/internal/hsm/proto"
)

// A lane's size: one worker, so that neither of the two takes more than one
// processor from the fast commands, and as much waiting as clients have
// connections: whoever waits too long gives up by himself.
const (
	laneDepth = 1024
	// laneShare says how much of the depth one account may have waiting: this
	// part of it if it is alone, less the more others have, and one job at least.
	// So however many fill the lane, there is room for the next. As much again is
	// kept for jobs of no account.
	laneShare = 4
)

// Memory for the messages of jobs, used again: so many, of that size. A longer
// message has memory of its own.
const (
	spareMessages = 64
	spareBytes    = 4 << 10
)

// job is a slow command, the connection that has sent it, and the account in
// whose turn it is done. Its message is in memory of the lane.
type job struct {
	account string
	conn    *conn
	row     *command
	kind    kind
	frame   proto.Frame
}

// kind is what jobs that take equally long have in common: the command and the
// spec of its key.
type kind struct {
	command proto.Command
	spec    uint16
}

// lane is the bounded queue of slow work. Accounts take turns: one that queues
// sixty jobs delays another's first by one job, not by sixty.
type lane struct {
	mu     sync.Mutex
	ready  sync.Cond
	queues map[string]*queue // by account; none is empty
	turns  []*queue          // all of them, next first
	spare  [][]byte          // memory for messages, wiped
	queued int
	depth  int
	closed bool
}

// queue is the jobs of an account, oldest first.
type queue struct {
	account string
	jobs    []job
}

func newLane(depth int) *lane {
	l := &lane{queues: make(map[string]*queue), depth: depth}
	l.ready.L = &l.mu
	return l
}

// put queues a job. It reports false if the lane, or the account's share of
// it, is full, or the lane closed.
func (l *lane) put(j job) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || !l.room(j.account) {
		return false
	}
	q := l.queues[j.account]
	if q == nil {
		q = &queue{account: strings.Clone(j.account)} // it points into a frame
		l.queues[q.account] = q
		l.turns = append(l.turns, q)
	}
	j.account = q.account
	q.jobs = append(q.jobs, j)
	l.queued++
	l.ready.Signal()
	return true
}

// room says whether an account may have one more job waiting: if it has fewer
// than a third of what all of them leave (laneShare is 4), or none. The end is at
// twice the depth, as many accounts with one job each.
func (l *lane) room(account string) bool {
	own, ofNone := l.waiting(account), l.waiting("")
	if account == "" {
		return own < l.depth/laneShare
	}
	used := l.queued - ofNone
	return used < 2*l.depth && own < max(1, (l.depth-used)/(laneShare-1))
}

func (l *lane) waiting(account string) int {
	if q := l.queues[account]; q != nil {
		return len(q.jobs)
	}
	return 0
}

// take returns the job whose turn it is; ok is false if there is none.
func (l *lane) take() (j job, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next()
}

// wait is take, but it waits for a job; ok is false once the lane is closed.
func (l *lane) wait() (j job, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.queued == 0 && !l.closed {
		l.ready.Wait()
	}
	return l.next()
}

func (l *lane) next() (j job, ok bool) {
	if l.closed || l.queued == 0 {
		return job{}, false
	}
	q := l.turns[0]
	l.turns = append(l.turns[:0], l.turns[1:]...)
	j, q.jobs[0] = q.jobs[0], job{}
	q.jobs = q.jobs[1:]
	if len(q.jobs) == 0 {
		delete(l.queues, q.account)
	} else {
		l.turns = append(l.turns, q)
	}
	l.queued--
	return j, true
}

// keep copies a message into memory of the lane, and release wipes that copy.
func (l *lane) keep(message []byte) []byte {
	return append(l.memory(len(message)), message...)
}

func (l *lane) memory(n int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := len(l.spare) - 1
	if n > spareBytes || last < 0 {
		return make([]byte, 0, max(n, spareBytes))
	}
	b := l.spare[last]
	l.spare = l.spare[:last]
	return b
}

func (l *lane) release(message []byte) {
	clear(message)
	if cap(message) != spareBytes {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.spare) < spareMessages {
		l.spare = append(l.spare, message[:0])
	}
}

// close drops what waits; its worker ends after what it does.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.ready.Broadcast()
}
