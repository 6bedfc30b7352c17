package server

import "sync"

// A lane's size: one worker, so that neither of the two takes more than one
// processor from the fast commands, and as much waiting as clients have
// connections: whoever waits too long gives up by himself.
const (
	laneWorkers = 1
	laneDepth   = 1024
	// laneShare says how much of the depth one account may have waiting: this
	// part of it if it is alone, less the more others have, and one job at least.
	// So however many fill the lane, there is room for the next. As much again is
	// kept for jobs of no account.
	laneShare = 4
)

// job is a piece of slow work and the account in whose turn it is done.
type job struct {
	account string
	run     func(more bool) // more: the lane has more to do
}

// lane is the bounded queue of slow work. Accounts take turns: one that queues
// sixty jobs delays another's first by one job, not by sixty.
type lane struct {
	mu     sync.Mutex
	ready  sync.Cond
	queues map[string][]job // by account, oldest first; none is empty
	turns  []string         // the accounts of queues, next first
	queued int
	depth  int
	closed bool
	done   sync.WaitGroup
}

// newLane starts the workers; each defers onPanic.
func newLane(workers, depth int, onPanic func()) *lane {
	l := &lane{queues: make(map[string][]job), depth: depth}
	l.ready.L = &l.mu
	for range workers {
		l.done.Go(func() {
			defer onPanic()
			for {
				j, more, ok := l.take()
				if !ok {
					return
				}
				j.run(more)
			}
		})
	}
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
	if len(l.queues[j.account]) == 0 {
		l.turns = append(l.turns, j.account)
	}
	l.queues[j.account] = append(l.queues[j.account], j)
	l.queued++
	l.ready.Signal()
	return true
}

// room says whether an account may have one more job waiting: if it has fewer
// than a third of what all of them leave (laneShare is 4), or none. The end is at
// twice the depth, as many accounts with one job each.
func (l *lane) room(account string) bool {
	own, ofNone := len(l.queues[account]), len(l.queues[""])
	if account == "" {
		return own < l.depth/laneShare
	}
	used := l.queued - ofNone
	return used < 2*l.depth && own < max(1, (l.depth-used)/(laneShare-1))
}

// take waits for the job whose turn it is, and says whether there are more; ok
// is false once the lane is closed.
func (l *lane) take() (j job, more, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.queued == 0 && !l.closed {
		l.ready.Wait()
	}
	if l.closed {
		return job{}, false, false
	}
	account := l.turns[0]
	l.turns = l.turns[1:]
	queue := l.queues[account]
	j = queue[0]
	if len(queue) == 1 {
		delete(l.queues, account)
	} else {
		l.queues[account] = queue[1:]
		l.turns = append(l.turns, account)
	}
	l.queued--
	return j, l.queued > 0, true
}

// close drops what waits and ends the workers after what they do.
func (l *lane) close() {
	l.mu.Lock()
	l.closed = true
	l.ready.Broadcast()
	l.mu.Unlock()
	l.done.Wait()
}
