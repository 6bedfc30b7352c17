package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// CheckTxn checks a transaction against the contract's limits, for engines,
// and returns its size: the bytes of all its keys and values. Too much is
// ErrTooLarge; an empty key, or a key that stands twice in ops, is an error too.
func CheckTxn(cmps []Cmp, ops []Op) (size int, err error) {
	if len(cmps) > MaxOps || len(ops) > MaxOps {
		return 0, fmt.Errorf("%w: %d conditions and %d ops", ErrTooLarge, len(cmps), len(ops))
	}
	for _, c := range cmps {
		if len(c.Key) == 0 {
			return 0, errEmptyKey
		}
		size += len(c.Key)
	}
	for i, op := range ops {
		if len(op.Key) == 0 {
			return 0, errEmptyKey
		}
		for _, other := range ops[:i] {
			if bytes.Equal(op.Key, other.Key) {
				return 0, fmt.Errorf("store: key %q stands twice in a transaction", op.Key)
			}
		}
		size += len(op.Key) + len(op.Value)
	}
	if size > MaxTxnBytes {
		return 0, fmt.Errorf("%w: %d bytes", ErrTooLarge, size)
	}
	return size, nil
}

var errEmptyKey = errors.New("store: empty key in a transaction")

// Eraser is what an engine offers whose files keep deleted bytes for a while.
type Eraser interface {
	// Erase returns once no file of the store holds a value that was deleted
	// or overwritten by a transaction that returned before Erase was called.
	Erase(ctx context.Context) error
}
