package front

import (
	"hash/maphash"
	"sync"
)

// locks lets the mutations of one key, or of one alias, wait for each other in
// turn. Correctness does not rest on it (the store compares and swaps) but
// fairness does: without it, whoever loses a race loses the next one too.
// Limits that count, such as the aliases of a key, are exact because of it
// while one process writes.
type locks struct {
	once   sync.Once
	seed   maphash.Seed
	stripe [256]sync.Mutex
}

// lock waits for the turn at what has that ARN and returns how to end it.
func (l *locks) lock(arn string) (unlock func()) {
	l.once.Do(func() { l.seed = maphash.MakeSeed() })
	m := &l.stripe[maphash.String(l.seed, arn)%uint64(len(l.stripe))]
	m.Lock()
	return m.Unlock
}
