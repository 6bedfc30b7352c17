package disk

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	sector = 512  // the least that a disk writes as a whole
	block  = 4096 // the least that a file takes
)

// file is a file or a folder, as it is and as it would be after a loss of power.
type file struct {
	mode  uint32 // with its type
	mtime time.Time

	data   []byte
	synced int64            // its length as of the last sync
	old    map[int64][]byte // what sectors held at the last sync that were changed since

	names  map[string]*file // of a folder
	before map[string]*file // the names that were changed since the last sync: what they meant; nil: nothing
}

func newFile(mode uint32) *file {
	return &file{mode: mode, mtime: time.Now(), old: map[int64][]byte{}}
}

// sync makes it survive a loss of power as it is.
func (f *file) sync() {
	f.synced = int64(len(f.data))
	clear(f.old)
	clear(f.before)
}

// keep notes what the sectors of a range hold, before they are changed.
func (f *file) keep(from, to int64) {
	for at := from - from%sector; at < min(to, f.synced); at += sector {
		if _, kept := f.old[at]; !kept {
			f.old[at] = bytes.Clone(f.data[min(at, int64(len(f.data))):min(at+sector, f.synced, int64(len(f.data)))])
		}
	}
}

func (f *file) write(b []byte, offset int64) {
	end := offset + int64(len(b))
	f.keep(min(offset, int64(len(f.data))), end)
	if grow := end - int64(len(f.data)); grow > 0 {
		f.data = append(f.data, make([]byte, grow)...)
	}
	copy(f.data[offset:], b)
	f.mtime = time.Now()
}

func (f *file) resize(size int64) {
	if size < int64(len(f.data)) {
		f.keep(size, int64(len(f.data)))
		f.data = slices.Clip(f.data[:size])
	} else {
		f.data = append(f.data, make([]byte, size-int64(len(f.data)))...)
	}
	f.mtime = time.Now()
}

// name gives a folder's name another meaning, nil for none.
func (f *file) name(name string, to *file) {
	if _, changed := f.before[name]; !changed {
		f.before[name] = f.names[name]
	}
	if to == nil {
		delete(f.names, name)
	} else {
		f.names[name] = to
	}
	f.mtime = time.Now()
}

// losePower makes it what a loss of power leaves.
func (f *file) losePower(rng *rand.Rand) {
	f.loseContents(rng)
	for _, name := range slices.Sorted(maps.Keys(f.before)) {
		if rng.IntN(2) == 0 {
			continue
		}
		if was := f.before[name]; was == nil {
			delete(f.names, name)
		} else {
			f.names[name] = was
		}
	}
	clear(f.before)
	for _, name := range slices.Sorted(maps.Keys(f.names)) {
		f.names[name].losePower(rng)
	}
}

// loseContents picks, for each sector, whether it is there as it was written.
func (f *file) loseContents(rng *rand.Rand) {
	size := f.synced
	if n := int64(len(f.data)) - f.synced; n > 0 {
		size += rng.Int64N(n + 1)
	} else if n < 0 && rng.IntN(2) == 0 {
		size = int64(len(f.data)) // the cut has reached the disk
	}
	odds := rng.Float64()
	left := make([]byte, size)
	copy(left, f.data)
	for at := range f.old {
		if at < size && (at >= int64(len(f.data)) || rng.Float64() < odds) {
			clear(left[at:min(at+sector, size)])
			copy(left[at:], f.old[at])
		}
	}
	for at := f.synced - f.synced%sector; at < size; at += sector { // what it grew by
		if _, kept := f.old[at]; !kept && at >= f.synced && rng.Float64() < odds {
			clear(left[at:min(at+sector, size)])
		}
	}
	f.data = left
	f.sync()
}

// blocks is how many bytes it takes, all below it included.
func (f *file) blocks() int64 {
	n := taken(int64(len(f.data)))
	for _, below := range f.names {
		n += below.blocks()
	}
	return n
}

// taken is how many bytes of the disk a file of a length takes.
func taken(length int64) int64 { return (length + block - 1) / block * block }
