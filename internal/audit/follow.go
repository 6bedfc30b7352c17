package audit

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// FirstOffset is where a segment's first record stands.
const FirstOffset = headerBytes

// ScanFrom is Scan from the record at an offset, which is FirstOffset or where
// another record ends. What stands before is not looked at, but for the header.
func (s *Segment) ScanFrom(offset int64, yield func(Record) bool) error {
	f, err := s.Open()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	return s.ScanOpened(f, offset, yield)
}

// ScanOpened is ScanFrom of the segment as Open has opened it.
func (s *Segment) ScanOpened(f io.ReaderAt, offset int64, yield func(Record) bool) error {
	c := scanner{r: bufio.NewReaderSize(io.NewSectionReader(f, 0, headerBytes), 64<<10), id: s.id()}
	if err := c.header(); err != nil {
		return s.unfinished(err)
	}
	c.r.Reset(io.NewSectionReader(f, offset, math.MaxInt64-offset))
	c.end.size = offset
	if frame, err := c.r.Peek(frameBytes); err == nil {
		c.next = binary.BigEndian.Uint32(frame[prefixBytes+48:]) // what it stands behind in its write is not known here
	}
	return s.unfinished(c.records(yield))
}

// unfinished takes the result of reading a segment: what a running writer has
// not finished yet is no error in the newest.
func (s *Segment) unfinished(err error) error {
	if errors.Is(err, ErrTorn) && s.Newest {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, s.Path)
	}
	return nil
}

// End is where a record ends in its segment.
func (r *Record) End() int64 { return r.Offset + frameBytes + int64(len(r.JSON)) }
